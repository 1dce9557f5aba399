// What the pages of secrets and calls can do better with a script. Everything works without it.

const SHOWN_FOR = 15;

// What a screen reader is told; it has to be there before it speaks. The seconds are seen and not told.
const told = document.createElement("p");
told.className = "unseen";
told.setAttribute("role", "status");
document.querySelector("main").append(told);

// Counts down before everybody's eyes, then does `end`; gives what stops it.
function countdown(place, seconds, end) {
  let left = seconds;
  const show = () => (place.textContent = `${left} s`);
  const timer = setInterval(() => {
    left -= 1;
    show();
    if (left <= 0) end();
  }, 1000);
  show();
  return () => clearInterval(timer);
}

// Showing what one is typing.
function prepare(root) {
  for (const button of root.querySelectorAll("[data-show]")) button.hidden = false;
  root.querySelector("[autofocus]")?.focus();
}

// The dots of a value, lifted for a while. It goes from the page as soon as one looks elsewhere.
async function reveal(link) {
  const dots = link.parentElement.querySelector("[data-dots]");
  if (dots.dataset.asked) return;
  dots.dataset.asked = "yes";
  const answer = await fetch(link.href, {
    method: "POST",
    headers: { Accept: "application/json" },
    redirect: "manual",
  }).catch(() => null);
  delete dots.dataset.asked;
  if (!answer?.ok) return location.assign(link.href);
  const { value } = await answer.json();
  if (document.hidden) return;
  const hidden = dots.textContent;
  const acts = document.getElementById("shown-acts").content.firstElementChild.cloneNode(true);
  const [seconds, copy, hide] = acts.children;
  dots.hide = () => {
    stop();
    document.removeEventListener("visibilitychange", dots.hide);
    const was = acts.contains(document.activeElement);
    dots.textContent = hidden;
    dots.removeAttribute("tabindex");
    delete dots.dataset.shown;
    acts.remove();
    link.hidden = false;
    if (was) link.focus();
    told.textContent = "The value is hidden again.";
  };
  const stop = countdown(seconds, SHOWN_FOR, dots.hide);
  document.addEventListener("visibilitychange", dots.hide);
  hide.setAttribute("aria-label", `Hide the value of ${link.dataset.reveal}`);
  hide.addEventListener("click", dots.hide);
  copy.setAttribute("aria-label", `Copy the value of ${link.dataset.reveal}`);
  copy.hidden = !navigator.clipboard;
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(value);
    copy.textContent = told.textContent = "Copied";
  });
  dots.textContent = value;
  dots.dataset.shown = "yes";
  // A long value is moved in its frame, by keys too.
  dots.tabIndex = 0;
  dots.after(acts);
  link.hidden = true;
  hide.focus();
  told.textContent = `The value is shown for ${SHOWN_FOR} seconds.`;
}

// A page of its own with a value leads away by itself; until then it counts, and nothing of it stays behind.
const shown = document.querySelector("[data-seconds]");
if (shown) {
  const back = document.querySelector("[data-hide]");
  const wipe = () => document.getElementById("value")?.remove();
  const leave = () => {
    wipe();
    location.replace(back.href);
  };
  shown.hidden = false;
  countdown(shown, Number(shown.dataset.seconds), leave);
  document.addEventListener("visibilitychange", leave);
  addEventListener("pagehide", wipe);
}
addEventListener("pagehide", () => {
  for (const dots of document.querySelectorAll("[data-shown]")) dots.hide();
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest("[data-reveal]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    await reveal(link);
  }
  const show = event.target.closest("[data-show]");
  if (show) {
    const masked = document.getElementById(show.dataset.show).classList.toggle("masked");
    show.textContent = masked ? "Show" : "Hide";
  }
});

// Why nothing came of what was sent.
function why(answer, page) {
  if (answer?.type === "opaqueredirect") return "Nothing was done. Sign in again in another window, then come back.";
  return page?.querySelector(".lead")?.textContent ?? "The hub gave no answer. The audit log has the call if it was made.";
}

// What was typed stays, with a notice before the answer, or in what slid in.
function keep(form, reason) {
  form.querySelector("[data-kept]")?.remove();
  const notice = document.getElementById("kept").content.firstElementChild.cloneNode(true);
  notice.dataset.kept = "";
  notice.querySelector("p").textContent = reason;
  const place = form.querySelector(".side-panel-body")?.firstChild ?? document.getElementById("answer").nextSibling;
  place.before(notice);
  notice.scrollIntoView({ block: "nearest" });
}

// The console changes in place: the page stays where it is, and where one was.
async function send(form, button) {
  const body = form.querySelector("#f-body");
  // One that nobody has been in has no caret yet: then a secret goes to its end.
  if (button?.value === "pick:body" && body.dataset.visited) form.elements.namedItem("caret").value = body.selectionStart;
  const fields = new URLSearchParams(new FormData(form));
  fields.append("act", button?.value ?? "enter");
  const word = button?.dataset.busy && button.querySelector("span");
  const idle = word?.textContent;
  const wait = (waits) => {
    if (!word) return;
    if (waits) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    button.classList.toggle("is-busy", waits);
    word.textContent = waits ? button.dataset.busy : idle;
  };
  wait(true);
  const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual" }).catch(() => null);
  const shows = answer?.headers.get("content-type")?.startsWith("text/html");
  const text = shows ? await answer.text().catch(() => "") : "";
  const page = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  if (!page?.querySelector("form[data-in-place]")) {
    wait(false);
    return keep(form, why(answer, page));
  }
  const main = document.querySelector("main");
  const picked = main.querySelector("[name=picking]")?.value;
  main.replaceChildren(...page.childNodes);
  prepare(main);
  // What slid in takes the focus itself, and gives it back to what it was opened by.
  const closed = picked && !main.querySelector("[name=picking]");
  const act = closed ? `pick:${picked}` : button?.value;
  const same = `[name=act]:not([tabindex])[value="${CSS.escape(act ?? "")}"]`;
  const left = main.querySelector("[autofocus]") ? null : main.querySelector(same);
  if (left) {
    left.closest("details")?.setAttribute("open", "");
    left.focus({ preventScroll: true });
  }
  if (button?.value === "send") main.querySelector(".answer-line, .notice")?.scrollIntoView({ block: "nearest" });
}
document.addEventListener("focusin", ({ target }) => {
  if (target.id === "f-body") target.dataset.visited = "yes";
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-in-place]");
  if (!form) return;
  event.preventDefault();
  // What is under way is not sent again: a second press would be a second call.
  if (form.dataset.sending) return;
  form.dataset.sending = "yes";
  send(form, event.submitter).finally(() => delete form.dataset.sending);
});

prepare(document);
