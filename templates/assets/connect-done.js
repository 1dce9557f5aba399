// The callback page: gives the window that opened it a hint, then closes, or leads back where there is no such window.
"use strict";

(() => {
  const { outcome, flow, connector, confirmation } = document.body.dataset;
  if (outcome === "confirm_account") return;

  const forward = document.querySelector("[data-vs-forward]");
  if (forward && /^https?:$/.test(forward.protocol)) {
    setTimeout(() => location.replace(forward.href), 900);
    return;
  }
  if (window.opener) {
    const hint = { type: "vouchsafe:hint", flow, connector, outcome, confirmationCode: confirmation };
    window.opener.postMessage(hint, location.origin);
  }
  // Long enough to be read. A window that the user opened stays, which the page says too.
  if (document.querySelector("[data-vs-close]")) setTimeout(() => window.close(), outcome === "completed" ? 700 : 2500);
})();
