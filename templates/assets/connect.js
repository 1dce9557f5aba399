/*! Vouchsafe embed script. Apache-2.0 */
// Opens the hub's connect pages in a dialog: `const result = await Vouchsafe.connect({ token })`.
(() => {
  "use strict";

  const hub = new URL(document.currentScript.src).origin;
  const ANSWER_MS = 5000; // from the frame's load to its first word
  const LOAD_MS = 20000;

  class VouchsafeError extends Error {
    constructor(code, message) {
      super(`${message} (${code})`);
      this.name = "VouchsafeError";
      this.code = code;
    }
  }

  const explanations = {
    origin_not_allowed: `${location.origin} isn't among the session's allowedOrigins, or the hub could not be shown here`,
    network: `${hub} can't be reached`,
    sandboxed:
      "this page runs in a sandboxed frame; it needs allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox",
    session_expired: "the connect session is over; make a new one",
    already_open: "a connect dialog is open already",
    token_missing: "pass the connect session's token, or getToken",
  };
  const fail = (code) => new VouchsafeError(code, explanations[code] ?? "connecting failed");

  const css = `
    .vouchsafe-dialog { box-sizing: border-box; width: min(440px, calc(100vw - 32px)); max-width: none; height: fit-content;
      max-height: none; margin: auto; padding: 0; border: 0; border-radius: 12px; overflow: hidden;
      background: Canvas; color-scheme: light dark; box-shadow: 0 16px 48px rgb(15 18 22 / 28%); }
    .vouchsafe-dialog[data-theme="light"] { color-scheme: light; }
    .vouchsafe-dialog[data-theme="dark"] { color-scheme: dark; }
    .vouchsafe-dialog[open] { animation: vouchsafe-in 160ms ease-out; }
    .vouchsafe-dialog::backdrop { background: rgb(15 18 22 / 45%); }
    .vouchsafe-frame { display: block; width: 100%; height: 360px; max-height: calc(100vh - 32px);
      max-height: calc(100dvh - 32px); margin: 0; border: 0; }
    @keyframes vouchsafe-in { from { opacity: 0; transform: translateY(8px); } }
    @media (max-width: 480px) {
      .vouchsafe-dialog { width: 100vw; height: 100vh; height: 100dvh; border-radius: 0; }
      .vouchsafe-frame { height: 100% !important; max-height: none; }
    }
    @media (prefers-reduced-motion: reduce) { .vouchsafe-dialog[open] { animation: none; } }`;

  // A constructed sheet, since the host page's policy may forbid inline styles.
  function dress() {
    if (dress.done || !("adoptedStyleSheets" in document)) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    dress.done = true;
  }

  function build(token, { locale, theme, title }) {
    dress();
    const dialog = document.createElement("dialog");
    dialog.className = "vouchsafe-dialog";
    if (theme === "light" || theme === "dark") dialog.dataset.theme = theme;
    const frame = document.createElement("iframe");
    frame.className = "vouchsafe-frame";
    frame.title = title ?? "Connect an app";
    dialog.setAttribute("aria-label", frame.title);
    const url = new URL("/connect", hub);
    // Only the public part: the secret never stands in an address.
    url.searchParams.set("session", token.split(".")[0]);
    if (locale) url.searchParams.set("locale", locale);
    frame.src = url.href;
    dialog.append(frame);
    return { dialog, frame };
  }

  // The page behind doesn't scroll meanwhile, and nothing in it moves to where its scrollbar was.
  function lock() {
    const root = document.documentElement;
    const { style } = root;
    const styled = root.hasAttribute("style");
    const names = ["overflow-x", "overflow-y", "padding-inline-end"];
    const kept = names.map((name) => [name, style.getPropertyValue(name), style.getPropertyPriority(name)]);
    const width = root.clientWidth;
    style.overflow = "hidden";
    const bar = root.clientWidth - width;
    if (bar > 0) style.paddingInlineEnd = `calc(${getComputedStyle(root).paddingInlineEnd} + ${bar}px)`;
    return () => {
      for (const [name, value, priority] of kept) style.setProperty(name, value, priority);
      if (!styled && !style.length) root.removeAttribute("style");
    };
  }

  let current = null;

  function run(token, options) {
    return new Promise((resolve, reject) => {
      const { dialog, frame } = build(token, options);
      const focused = document.activeElement;
      let ready = false;
      let unlock = null;
      let timer = setTimeout(() => refuse("network"), LOAD_MS);

      const say = (message) => frame.contentWindow?.postMessage(message, hub);

      function end() {
        clearTimeout(timer);
        removal.disconnect();
        window.removeEventListener("message", hear);
        if (dialog.open) dialog.close();
        dialog.remove();
        unlock?.();
        focused?.focus?.({ preventScroll: true });
        current = null;
      }

      function refuse(code) {
        end();
        reject(fail(code));
      }

      function hear({ origin, source, data }) {
        if (origin !== hub || source !== frame.contentWindow || typeof data?.type !== "string") return;
        switch (data.type) {
          case "vouchsafe:ready":
            ready = true;
            clearTimeout(timer);
            frame.focus();
            break;
          case "vouchsafe:resize":
            if (Number.isFinite(data.height)) frame.style.height = `${Math.min(Math.max(data.height, 160), 2000)}px`;
            break;
          case "vouchsafe:event":
            options.onEvent?.(data.event);
            break;
          case "vouchsafe:error":
            // The frame says why in its page, which stays until the user closes it.
            reject(fail(data.code));
            break;
          case "vouchsafe:done":
            end();
            resolve({ status: data.status, results: data.results });
            break;
        }
      }

      function cancel() {
        end();
        resolve({ status: "cancelled", results: [] });
      }

      const close = () => (ready ? say({ type: "vouchsafe:close-request" }) : cancel());
      // A page that renders itself anew may take the dialog away, which changes its size and says nothing else.
      const removal = new ResizeObserver(() => dialog.isConnected || cancel());

      frame.addEventListener("load", () => {
        if (ready) return;
        clearTimeout(timer);
        timer = setTimeout(() => refuse("origin_not_allowed"), ANSWER_MS);
        const { integration, connectors, locale, theme } = options;
        say({ type: "vouchsafe:init", token, options: { integration, connectors, locale, theme } });
      });
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        close();
      });
      // Escape pressed twice closes a dialog whatever its cancel event says.
      dialog.addEventListener("close", () => dialog.isConnected && close());
      // Pressed and let go on the backdrop: a selection dragged out of the frame is no wish to close.
      let pressed = false;
      dialog.addEventListener("pointerdown", (event) => (pressed = event.target === dialog));
      dialog.addEventListener("click", (event) => pressed && event.target === dialog && close());

      window.addEventListener("message", hear);
      document.body.append(dialog);
      dialog.showModal();
      unlock = lock();
      removal.observe(dialog);
      current = { close };
    });
  }

  async function connect(options = {}) {
    if (window.origin === "null") throw fail("sandboxed");
    if (current) throw fail("already_open");
    current = { close() {} };
    let token;
    try {
      token = options.token ?? (await options.getToken?.());
    } finally {
      current = null;
    }
    if (typeof token !== "string" || !token.includes(".")) throw fail("token_missing");
    return run(token, options);
  }

  window.Vouchsafe = Object.freeze({ connect, close: () => current?.close(), VouchsafeError });
})();
