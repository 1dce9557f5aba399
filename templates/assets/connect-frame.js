// The pages inside the frame: fetches them, moves between them, opens the popup, and tells the embedder.
"use strict";

(() => {
  const { body } = document;
  const hosted = body.dataset.mode === "hosted";
  const origins = JSON.parse(body.dataset.origins);
  const place = document.getElementById("vs-page");
  const ask = document.querySelector("[data-vs-ask]");
  const shell = document.querySelector("[data-vs-shell]");
  const kept = `vouchsafe:${body.dataset.session}`;

  let embedder = null; // the origin that proved to be the embedder's
  let hub = null;
  let options = {};
  let attempt = null; // the sign-in on screen
  let stopFollowing = null;
  let latest = null; // the last state heard
  let busy = false;
  let over = null; // the code that ended everything
  let finished = false;
  const confirmations = new Map();
  const popups = new Map(); // window → the nonce of its ticket and its connector, also after the sign-in is over

  const template = (name, from = document) =>
    from.querySelector(`template[data-vs-template="${name}"]`).content.cloneNode(true);

  // ---- Speaking with the embedder ------------------------------------------------------------------------------

  const tell = (type, rest = {}) => {
    if (embedder) window.parent.postMessage({ type: `vouchsafe:${type}`, ...rest }, embedder);
  };
  const tellEvent = (name, rest = {}) => tell("event", { event: { type: name, ...rest } });

  const results = () =>
    (latest?.connectors ?? [])
      .filter(({ state }) => state !== "idle")
      .map(({ connector, credentialId = null, state, error, confirmationCode }) => {
        const result = { connector, credentialId, status: state };
        const code = confirmationCode ?? confirmations.get(connector);
        if (error) result.error = error;
        if (code) result.confirmationCode = code;
        return result;
      });

  function leave(status) {
    if (finished) return;
    finished = true;
    stopFollowing?.();
    dropAttempt();
    if (status === "cancelled") closePopups();
    tell("done", { status, results: results() });
  }

  function fail(code) {
    if (over) return;
    over = code;
    stopFollowing?.();
    dropAttempt();
    tell("error", { code });
  }

  const resized = () => {
    let height = 0;
    for (const part of shell.children) height += part.offsetHeight;
    tell("resize", { height: Math.max(height, ask.open ? 300 : 0) });
  };

  // ---- Showing pages -------------------------------------------------------------------------------------------

  const midnight = (date) => new Date(date).setHours(0, 0, 0, 0);

  // What is younger than a month is told from now. Days are those of the calendar: yesterday ends at midnight.
  function said(date, lang) {
    const words = new Intl.RelativeTimeFormat(lang, { numeric: "auto" });
    const minutes = Math.max(0, Math.floor((Date.now() - date) / 60_000));
    const days = Math.round((midnight(Date.now()) - midnight(date)) / 86_400_000);
    if (minutes < 1) return words.format(0, "second");
    if (minutes < 60) return words.format(-minutes, "minute");
    if (minutes < 1440) return words.format(-Math.floor(minutes / 60), "hour");
    return days < 30 ? words.format(-days, "day") : date.toLocaleDateString(lang);
  }

  const pageName = () => place.querySelector("[data-vs-page]")?.dataset.vsPage;

  function show(node, quietly) {
    dropAttempt();
    place.replaceChildren(node);
    busy = false;
    const page = place.querySelector("[data-vs-page]");
    for (const time of page.querySelectorAll("time[data-vs-date]")) {
      const { lang } = document.documentElement;
      const date = new Date(time.dateTime);
      time.textContent = said(date, lang);
      time.title = date.toLocaleString(lang);
    }
    const form = page.querySelector("form[data-vs-form]");
    if (form?.dataset.vsForm === "sign-in") prepare(page, form);
    if (form?.dataset.vsForm === "key") Fields.watch(form, () => {});
    // A refused value is named field by field, or as a whole: then it is the secret that has to be typed again.
    const refused = form?.querySelector("[data-vs-message] .notice") && form.querySelector("[data-vs-secret]");
    const bad = form?.querySelector('[aria-invalid="true"]') ?? refused;
    if (!quietly) (bad ?? page.querySelector("h1")).focus({ preventScroll: true });
    window.scrollTo(0, 0);
    resized();
    tellEvent("page", { page: page.dataset.vsPage, connector: page.dataset.vsConnector });
  }

  const showMessage = (name) => show(template(name));

  function banner(code) {
    const box = place.querySelector("[data-vs-message]");
    if (!box) return showMessage("offline");
    box.replaceChildren(template({ network: "banner", rate_limited: "limited" }[code] ?? "trouble"));
    const detail = box.querySelector("[data-vs-code]");
    if (detail) detail.textContent = code;
    return resized();
  }

  function mishap(error) {
    if (error.name === "AbortError") return;
    if (isOver(error)) {
      // For the host page both are one: it needs another session.
      fail("session_expired");
      showMessage(error.code === "session_cancelled" ? "cancelled" : "expired");
    } else if (error.code === "invalid_request" && !pageName()) {
      // The host page asks for what the session does not allow. Its developer reads why.
      console.error(`vouchsafe: ${error.errors[0]?.message ?? error.message}`);
      fail(error.code);
      showMessage("refused");
    } else banner(error.code ?? error.name);
  }

  const narrowed = () => ({ connectors: options.connectors?.join(","), integration: options.integration });

  async function open(query = {}) {
    if (busy || over) return;
    busy = true;
    try {
      show(await hub.page({ ...narrowed(), ...query }));
      // A hosted page that was left for a sign-in may find the session completed.
      if (!latest) latest = await hub.state();
    } catch (error) {
      mishap(error);
    } finally {
      busy = false;
    }
  }

  // ---- Forms ---------------------------------------------------------------------------------------------------

  function wait(button, on) {
    button.classList.toggle("is-busy", on);
    button.toggleAttribute("aria-disabled", false);
    if (on) button.setAttribute("aria-disabled", "true");
    if (on && button.dataset.busy) document.querySelector("[data-vs-status]").textContent = button.dataset.busy;
  }

  async function submitKey(form) {
    if (busy || !Fields.check(form)) return;
    const { vsConnector: connector, vsMethod: method } = form.closest("[data-vs-page]").dataset;
    const button = form.querySelector('[data-vs-action="submit"]');
    busy = true;
    wait(button, true);
    Fields.hideSecrets(form);
    try {
      const answer = await hub.sendCredentials({ connector, method, data: Fields.read(form) }, narrowed());
      const connected = answer.dataset.vsPage === "done";
      if (connected) latest = await hub.state().catch(() => latest);
      show(answer);
      tellEvent(connected ? "connected" : "refused", { connector, ...(connected && entryOf(connector)) });
    } catch (error) {
      busy = false;
      wait(button, false);
      if (!Fields.showErrors(form, error.errors)) mishap(error);
    }
  }

  async function disconnect({ dataset }) {
    if (busy) return;
    busy = true;
    try {
      const answer = await hub.disconnect({ credentialId: dataset.vsCredential });
      latest = await hub.state().catch(() => latest);
      show(answer);
      tellEvent("disconnected", { connector: dataset.vsConnector });
    } catch (error) {
      mishap(error);
    } finally {
      busy = false;
    }
  }

  const entryOf = (connector) => {
    const found = latest?.connectors?.find((entry) => entry.connector === connector);
    return found ? { credentialId: found.credentialId ?? null } : {};
  };

  // For a user who gave up. A popup that has finished closes itself, after it has handed over its code.
  function closePopups() {
    for (const popup of popups.keys()) popup.close();
    popups.clear();
  }

  // ---- Signing in ----------------------------------------------------------------------------------------------

  function dropAttempt() {
    if (!attempt) return;
    attempt.stop();
    attempt = null;
  }

  function prepare(page, form) {
    const { vsConnector: connector, vsMethod: method } = page.dataset;
    const button = form.querySelector('[data-vs-action="submit"]');
    attempt = createSignIn({
      hub, hosted, connector, method, form, button, page, popups,
      seen: () => latest?.connectors?.find((entry) => entry.connector === connector),
      waiting: () => showWaiting(page),
      mishap,
      tellEvent,
    });
    stopFollowing ??= hub.follow(heard, mishap);
  }

  function showWaiting(page) {
    const current = attempt;
    attempt = null;
    show(template("waiting", page));
    attempt = current;
    attempt.fallback = place.querySelector("[data-vs-fallback]");
  }

  async function heard(state) {
    latest = state;
    if (over || finished) return;
    if (state.status === "expired" || state.status === "cancelled") {
      return mishap(new HubError(`session_${state.status}`));
    }
    const current = attempt;
    const outcome = current?.heard();
    if (!outcome) return resized();
    const { connector } = current;
    tellEvent(outcome === "failed" ? "failed" : "connected", { connector, ...entryOf(connector) });
    for (let tries = 0; attempt === current && tries < 3; tries += 1) {
      try {
        const answer = await hub.page({ ...narrowed(), connector, result: 1 });
        if (attempt === current) show(answer);
        return;
      } catch (error) {
        if (error.code !== "network" || tries === 2) return mishap(error);
      }
    }
  }

  // The popup speaks on our own origin only; what it says is a question or a hint, never the truth.
  function heardFromPopup({ data, source }) {
    if (data.type === "vouchsafe:handshake") attempt?.answer(source, data.flow);
    const popup = popups.get(source);
    if (data.type === "vouchsafe:hint" && popup) {
      if (typeof data.confirmationCode === "string") confirmations.set(popup.connector, data.confirmationCode);
      hub.state().then(heard, () => {});
    }
  }

  // ---- What the user does --------------------------------------------------------------------------------------

  const underWay = () => {
    const form = place.querySelector("form[data-vs-form]");
    return pageName() === "waiting" || Boolean(form && (Fields.dirty(form) || busy));
  };

  function close() {
    if (over) return tell("done", { status: "cancelled", results: results() });
    const done = latest?.status === "completed" || pageName() === "done";
    if (done && !place.querySelector('[data-vs-action="overview"]')) return leave("completed");
    if (underWay() && !ask.open) {
      ask.showModal();
      return resized();
    }
    if (!ask.open) leave("cancelled");
  }

  function back(button) {
    const from = place.querySelector("[data-vs-page]").dataset.vsConnector;
    if (pageName() === "waiting") {
      closePopups();
      return open({ connector: from, method: attempt?.method });
    }
    return "vsBack" in button.dataset ? open() : close();
  }

  const actions = {
    connect: (button) => open({ connector: button.dataset.vsConnector, method: button.dataset.vsMethod }),
    retry: (button) => open({ connector: button.dataset.vsConnector }),
    overview: () => open(hosted ? { overview: 1 } : {}),
    "ask-disconnect": (button) => open({ connector: button.dataset.vsConnector, disconnect: 1 }),
    disconnect,
    reload: () => open(),
    reveal: (button) => Fields.toggleReveal(button),
    "open-again": () => attempt?.openAgain(),
    redirect: (link, event) => attempt?.redirect(link, event, keepToken),
    cancel: back,
    close,
    stay: () => ask.close(),
    leave: () => (ask.close(), leave("cancelled")),
    done: (button) => {
      if (button.href) return;
      leave("completed");
      if (!hosted) return;
      // Loaded again, the address shows what was connected, or what is still open.
      if (latest?.status !== "completed") keepToken();
      const to = button.dataset.returnUrl;
      if (to && /^https?:/.test(to)) location.assign(to);
      else location.reload();
    },
  };

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-vs-action]");
    if (!target) return;
    if (target.dataset.vsAction === "submit") submit(event, target.form);
    else actions[target.dataset.vsAction]?.(target, event);
  });

  // Enter in a field clicks the button as well. There is no submit event in a sandbox without `allow-forms`.
  function submit(event, form) {
    event.preventDefault();
    if (form.dataset.vsForm === "key") submitKey(form);
    else attempt?.open(keepToken);
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || hosted || event.defaultPrevented || ask.open) return;
    event.preventDefault();
    close();
  });

  document.addEventListener("input", ({ target }) => {
    if (!target.matches("[data-vs-search]")) return;
    const wanted = target.value.trim().toLocaleLowerCase();
    const rows = [...place.querySelectorAll("[data-vs-row]")];
    for (const row of rows) row.hidden = !row.dataset.vsRow.toLocaleLowerCase().includes(wanted);
    place.querySelector("[data-vs-none]").hidden = rows.some((row) => !row.hidden);
    resized();
  });

  ask.addEventListener("close", resized);
  new ResizeObserver(resized).observe(place);

  // ---- Beginning -----------------------------------------------------------------------------------------------

  // A hosted page is left for the sign-in and comes back: only meanwhile does its token lie where it is found again.
  let hostedToken = null;
  const keepToken = () => hosted && sessionStorage.setItem(kept, hostedToken);

  function findToken() {
    hostedToken = decodeURIComponent(location.hash.slice(1)) || sessionStorage.getItem(kept);
    sessionStorage.removeItem(kept);
    history.replaceState(null, "", location.pathname + location.search);
    return hostedToken;
  }

  function begin(token, wishes) {
    options = wishes ?? {};
    if (["light", "dark"].includes(options.theme)) document.documentElement.dataset.theme = options.theme;
    hub = createHub(token, options.locale, hosted);
    open();
  }

  window.addEventListener("message", (event) => {
    const { data, origin, source } = event;
    if (typeof data?.type !== "string") return;
    if (origin === location.origin && source !== window.parent) return hub && heardFromPopup(event);
    if (hosted || source !== window.parent || source === window || !origins.includes(origin)) return;
    if (data.type === "vouchsafe:init" && !embedder && typeof data.token === "string") {
      embedder = origin;
      tell("ready");
      begin(data.token, data.options);
    }
    if (data.type === "vouchsafe:close-request" && origin === embedder) close();
  });

  if (hosted) {
    const token = findToken();
    // A link that has nothing left to do says so, and offers the rest to whoever holds its token.
    const manage = place.querySelector("[data-vs-manage]");
    if (token && manage) {
      hub = createHub(token, null, hosted);
      manage.hidden = false;
    } else if (token) begin(token);
    else if (!manage) showMessage("expired");
  } else if (window.parent === window || window.origin === "null") {
    // Nobody to speak to, or a sandbox without `allow-same-origin`, in which no call of ours succeeds.
    showMessage("refused");
  }
})();
