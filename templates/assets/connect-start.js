// The start page in a popup: asks the window that opened it for the nonce that only our frame holds. With it the
// hub goes on at once; without it, or after 1.5 seconds, the user is asked. In a window that can't send a form nobody
// could sign in, and it says so.
"use strict";

(() => {
  const root = document.documentElement;
  const show = () => root.classList.remove("is-checking");
  let settled = false;

  async function goOn(flow, nonce) {
    try {
      const response = await fetch("/connect/start/handshake", {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify({ flow, nonce }),
      });
      if (!response.ok) return show();
      location.replace((await response.json()).location);
    } catch {
      show();
    }
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
    show();
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
    return window.opener.postMessage({ type: "vouchsafe:handshake", flow }, location.origin);
  }

  if (!window.opener) return;
  root.classList.add("is-checking");
  document.addEventListener("DOMContentLoaded", start);
  setTimeout(() => {
    if (settled) return;
    settled = true;
    show();
  }, 1500);
})();
