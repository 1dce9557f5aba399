// One sign-in at an app: keeps a ticket ready, opens the popup on the click, answers its handshake, and judges from
// the hub's state alone how it ended. A null handle or `popup.closed` means nothing: a page with
// Cross-Origin-Opener-Policy causes both while the user is still signing in.
"use strict";

const createSignIn = ({ hub, hosted, connector, method, form, button, page, popups, seen, waiting, mishap, tellEvent }) => {
  let ticket = null;
  let request = null;
  let stopped = false;
  let wanted = 0; // when the user clicked without a ticket at hand
  let opened = false;
  let reached = false;
  let changed = false;
  let before = remember();
  const timers = {};

  function remember() {
    const entry = seen();
    return entry && JSON.stringify(entry);
  }

  function later(name, ms, act) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(act, ms);
  }

  const values = () => JSON.stringify(Fields.read(form));
  const fresh = () => ticket && ticket.values === values() && Date.now() < ticket.until;

  function showReady() {
    const ready = Boolean(fresh());
    const busy = wanted > 0 && !ready;
    for (const one of [button, document.querySelector('[data-vs-action="open-again"]')]) {
      one?.setAttribute("aria-disabled", String(!ready));
      one?.classList.toggle("is-busy", busy);
    }
    const link = document.querySelector('[data-vs-action="redirect"]');
    if (link && ready) link.href = withMode("redirect");
  }

  function withMode(mode) {
    const url = new URL(ticket.startUrl, location.href);
    url.searchParams.set("mode", mode);
    return url.href;
  }

  async function renew() {
    request?.abort();
    if (stopped) return;
    if (!Fields.valid(form)) {
      ticket = null;
      return showReady();
    }
    request = new AbortController();
    const data = Fields.read(form);
    try {
      const taken = await hub.takeTicket({ connector, method, data }, request.signal);
      const life = (taken.expiresIn ?? 60) * 1000;
      // Renewed with a quarter of its life left, and not used in the last seconds of it.
      ticket = { ...taken, values: JSON.stringify(data), until: Date.now() + life - Math.min(5000, life / 10) };
      later("renew", life * 0.75, renew);
      document.querySelector("[data-vs-message]")?.replaceChildren();
      if (wanted && Date.now() - wanted < 4000 && navigator.userActivation?.isActive !== false) return launch();
    } catch (error) {
      if (error.name === "AbortError" || stopped) return;
      ticket = null;
      if (!Fields.showErrors(form, error.errors)) {
        mishap(error);
        if (["network", "rate_limited"].includes(error.code)) later("renew", 4000, renew);
      }
    }
    wanted = 0;
    showReady();
  }

  function launch() {
    wanted = 0;
    const { startUrl, nonce } = ticket;
    const target = hosted ? withMode("redirect") : new URL(startUrl, location.href).href;
    ticket = null;
    before = remember();
    opened = true;
    reached = false;
    changed = before === undefined;
    if (hosted) return location.assign(target);
    const [width, height] = [520, 720];
    const left = Math.max(0, Math.round(screenX + (outerWidth - width) / 2));
    const top = Math.max(0, Math.round(screenY + (outerHeight - height) / 2));
    // The name is unique, so that two tabs never meet in one window.
    const name = `vouchsafe-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
    const popup = window.open(target, name, `popup,width=${width},height=${height},left=${left},top=${top}`);
    if (popup) popups.set(popup, { nonce, connector });
    if (page.isConnected) waiting();
    self.fallback.hidden = true;
    tellEvent("opened", { connector });
    later("reached", 3000, offerRedirect);
    renew();
  }

  function offerRedirect() {
    if (reached || stopped) return;
    self.fallback.hidden = false;
    tellEvent("blocked", { connector });
  }

  function open(leaving) {
    if (!Fields.check(form)) return;
    leaving?.();
    if (fresh()) return launch();
    wanted = Date.now();
    showReady();
    renew();
  }

  // The outcome of this attempt, once the hub has one. What it said before the click doesn't count.
  function heard() {
    const entry = seen();
    if (!entry) return null;
    if (before === undefined) before = JSON.stringify(entry);
    changed ||= JSON.stringify(entry) !== before;
    if (!changed) return null;
    if (opened && entry.state !== "idle") {
      reached = true;
      if (self.fallback) self.fallback.hidden = true;
    }
    // Waiting is for the back end: the user has done everything.
    if (entry.state === "completed" || (opened && ["failed", "waiting"].includes(entry.state))) return entry.state;
    return null;
  }

  function redirect(link, event, leaving) {
    if (!fresh()) {
      event.preventDefault();
      return renew();
    }
    leaving();
    ticket = null;
    return null;
  }

  function answer(popup, flow) {
    const nonce = popups.get(popup)?.nonce;
    if (nonce) popup.postMessage({ type: "vouchsafe:nonce", flow, nonce }, location.origin);
  }

  function stop() {
    stopped = true;
    request?.abort();
    for (const timer of Object.values(timers)) clearTimeout(timer);
    document.removeEventListener("visibilitychange", awake);
  }

  // Timers sleep in a hidden tab.
  function awake() {
    if (document.visibilityState === "visible" && !fresh() && !opened) renew();
  }

  const self = { connector, method, fallback: null, heard, open, openAgain: () => open(), redirect, answer, stop };
  document.addEventListener("visibilitychange", awake);
  Fields.watch(form, () => {
    showReady();
    later("renew", 350, renew);
  });
  renew();
  return self;
};
