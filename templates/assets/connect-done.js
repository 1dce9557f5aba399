// The callback page: gives the window that opened it a hint, then closes, or leads back where there is no such window.
"use strict";

(() => {
  function forgetTokens() {
    for (const name of Object.keys(sessionStorage)) if (name.startsWith("vouchsafe:")) sessionStorage.removeItem(name);
  }

  const { outcome, flow, connector, confirmation } = document.body.dataset;
  if (outcome === "confirm_account") return;

  const forward = document.querySelector("[data-vs-forward]");
  if (forward && /^https?:$/.test(forward.protocol)) {
    // The hosted page, which kept its token for the way back, isn't seen again.
    if (forward.origin !== location.origin) forgetTokens();
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
