// Acme's front end: asks its own back end, hands the session token to the hub's script, tells what happened.
const byId = (id) => document.getElementById(id);

function note(tone, text) {
  const place = byId("note");
  place.className = `note ${tone}`;
  place.textContent = text;
  place.hidden = false;
}

function tell(steps) {
  if (steps.length > 0) byId("nothing").hidden = true;
  if (steps.length > 0) for (const earlier of byId("steps").querySelectorAll("details")) earlier.open = false;
  // The last call on top, and the calls of one press together in their order. Only they are open.
  const made = document.createDocumentFragment();
  for (const step of steps) {
    const item = byId("step").content.cloneNode(true);
    item.querySelector("summary").textContent = step.said;
    item.querySelector(".curl").textContent = step.curl;
    const mark = item.querySelector(".mark");
    mark.className = `mark ${step.ok ? "good" : "bad"}`;
    mark.textContent = step.status ? `Answer ${step.status}` : "No answer";
    const answer = item.querySelector(".answer");
    answer.textContent = step.answer;
    answer.hidden = step.answer === "";
    made.append(item);
  }
  byId("steps").prepend(made);
}

async function ask(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  tell(answer.steps ?? []);
  if (!response.ok) throw new Error(answer.trouble ?? `Acme’s back end answered ${response.status}`);
  return answer;
}

async function reload() {
  const response = await fetch("/connections");
  if (response.ok) byId("connections").innerHTML = await response.text();
}

async function connect(credentialId) {
  if (!window.Vouchsafe) throw new Error("the hub’s script didn’t load, so there is no modal to open");
  const { token } = await ask("/connect-token", credentialId ? { credentialId } : {});
  const result = await window.Vouchsafe.connect({ token });
  const sessionId = token.split(".")[0];
  for (const { confirmationCode } of result.results ?? []) {
    if (confirmationCode) await ask("/confirm", { sessionId, confirmationCode });
  }
  if (result.status === "completed") note("good", "Connected.");
  else note("plain", "Nothing more was connected.");
}

// The answer that somebody asked for may be below what they see.
function showSteps() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  byId("happened").scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
}

const actions = {
  connect: (data) => connect(data.credential),
  use: async (data) => { await ask("/use", { connector: data.connector }); note("good", "It works: the answer is below."); },
  proxy: async (data) => { await ask("/use", { connector: data.connector, proxy: true }); note("good", "It works: the answer is below."); },
  disconnect: async (data) => { await ask("/disconnect", { credentialId: data.credential }); note("good", "Disconnected."); },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-action]");
  if (!button || button.disabled) return;
  button.disabled = true;
  const { action } = button.dataset;
  let done = false;
  try {
    await actions[action](button.dataset);
    done = true;
  } catch (error) {
    note("bad", `That didn’t work: ${error.message}`);
  }
  button.disabled = false;
  await reload();
  if (done && ["use", "proxy"].includes(action)) showSteps();
});
