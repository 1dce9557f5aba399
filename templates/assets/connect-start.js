// The start page in a popup: asks the window that opened it for the nonce that only our frame holds. With it the
// hub goes on at once; without it, or after 1.5 seconds, the user is asked. Where the hub takes the opener's word alone,
// or could not take it yet, *Continue* tries that again. In a window that can't send a form nobody could sign in, and it
// says so.
"use strict";

(() => {
  const root = document.documentElement;
  let settled = false;
  let again = null; // what *Continue* does in place of sending its form

  // Leaves it to the user, who may go on by `repeat` where there is one.
  function rest(repeat) {
    again = repeat;
    const button = document.querySelector('[data-vs-action="continue"]');
    if (again && button) button.hidden = false;
    root.classList.remove("is-checking");
  }

  async function goOn(flow, nonce) {
    root.classList.add("is-checking");
    let status = 0;
    try {
      const response = await fetch("/connect/start/handshake", {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ flow, nonce }),
      });
      if (response.ok) return location.replace((await response.json()).location);
      status = response.status;
    } catch {
      // The hub was not reached, or not to the end.
    }
    document.querySelector("[data-vs-busy]").hidden = status !== 429;
    const passing = status === 0 || status === 429 || status >= 500;
    return rest(passing ? () => goOn(flow, nonce) : null);
  }

  // A frame whose sandbox has `allow-popups` without `allow-popups-to-escape-sandbox` hands it on to this window. There
  // is no submit event without `allow-forms`.
  function isBoxedIn() {
    const form = document.createElement("form");
    let sends = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      sends = true;
    });
    document.body.append(form);
    form.requestSubmit();
    form.remove();
    return !sends;
  }

  function explain() {
    settled = true;
    const { content } = document.querySelector('template[data-vs-template="boxed-in"]');
    document.querySelector("[data-vs-page] form").replaceWith(content);
    rest(null);
  }

  function wait() {
    settled = false;
    root.classList.add("is-checking");
    setTimeout(() => {
      if (settled) return;
      settled = true;
      rest(document.body?.dataset.binding === "opener" ? ask : null);
    }, 1500);
  }

  function ask() {
    if (settled) wait();
    window.opener?.postMessage({ type: "vouchsafe:handshake", flow: document.body.dataset.flow }, location.origin);
  }

  function start() {
    if (isBoxedIn()) return explain();
    const { flow } = document.body.dataset;
    window.addEventListener("message", ({ origin, source, data }) => {
      if (settled || origin !== location.origin || source !== window.opener) return;
      if (data?.type !== "vouchsafe:nonce" || data.flow !== flow || typeof data.nonce !== "string") return;
      settled = true;
      goOn(flow, data.nonce);
    });
    document.querySelector("[data-vs-page] form").addEventListener("submit", (event) => {
      if (!again || event.submitter?.dataset.vsAction !== "continue") return;
      event.preventDefault();
      again();
    });
    return ask();
  }

  if (!window.opener) return;
  wait();
  document.addEventListener("DOMContentLoaded", start);
})();
