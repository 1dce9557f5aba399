// What the pages of secrets and calls can do better with a script. Everything works without it.

const SHOWN_FOR = 15;

// Showing what one is typing.
function prepare(root) {
  for (const button of root.querySelectorAll("[data-show]")) button.hidden = false;
  root.querySelector("[autofocus]")?.focus();
}

// The dots of a value, lifted for a while. It goes from the page as soon as one looks elsewhere.
async function reveal(link) {
  const dots = link.parentElement.querySelector("[data-dots]");
  if (dots.dataset.shown) return dots.hide();
  const answer = await fetch(link.href, {
    method: "POST",
    headers: { Accept: "application/json" },
    redirect: "manual",
  }).catch(() => null);
  if (!answer?.ok) return location.assign(link.href);
  const { value } = await answer.json();
  const hidden = dots.textContent;
  const title = link.title;
  let left = SHOWN_FOR;
  dots.hide = () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", dots.hide);
    dots.textContent = hidden;
    link.title = title;
    delete dots.dataset.shown;
  };
  const timer = setInterval(() => {
    left -= 1;
    link.title = `Hide (${left} s left)`;
    if (left <= 0) dots.hide();
  }, 1000);
  document.addEventListener("visibilitychange", dots.hide);
  dots.textContent = value;
  dots.dataset.shown = "yes";
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

// Escape closes what slid in.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector(".scrim")?.click();
});

// The console changes in place: the page stays where it is, and where one was.
async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form));
  fields.append("act", button?.value ?? "enter");
  if (button?.dataset.busy) {
    button.setAttribute("aria-disabled", "true");
    button.classList.add("is-busy");
    button.querySelector("span").textContent = button.dataset.busy;
  }
  const answer = await fetch(form.action, { method: "POST", body: fields, redirect: "manual" }).catch(() => null);
  const kind = answer?.headers.get("content-type") ?? "";
  if (!answer || answer.type === "opaqueredirect" || !kind.startsWith("text/html")) return location.reload();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  if (!page) return location.reload();
  const main = document.querySelector("main");
  main.replaceChildren(...page.childNodes);
  prepare(main);
  if (button?.value === "send") main.querySelector(".answer-line, .notice")?.scrollIntoView({ block: "nearest" });
}
document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-in-place]");
  if (!form) return;
  event.preventDefault();
  send(form, event.submitter);
});

prepare(document);
