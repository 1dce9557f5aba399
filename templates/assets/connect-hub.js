// Calls from the frame to the hub. The token stays in this closure. Knows no page.
"use strict";

class HubError extends Error {
  constructor(code, detail, errors) {
    super(detail ?? code);
    this.code = code;
    this.errors = errors ?? [];
  }
}

// Whether the session itself has ended, so that trying again is of no use.
const isOver = ({ code }) => /^(session_|unauthenticated$)/.test(code ?? "");

const createHub = (token, locale, hosted) => {
  const headers = { Authorization: `Bearer ${token}` };
  if (locale) headers["Accept-Language"] = locale;
  if (hosted) headers["Vouchsafe-Mode"] = "hosted";

  async function call(path, { body, signal, accept } = {}) {
    const init = { headers: { ...headers, Accept: accept ?? "text/html, application/problem+json" }, signal };
    init.credentials = "omit";
    init.cache = "no-store";
    if (body) {
      init.method = "POST";
      init.headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    let response;
    try {
      response = await fetch(path, init);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new HubError("network", error.message);
    }
    // A form that comes back with its errors is a page, whatever its status.
    if (response.ok || response.headers.get("Content-Type")?.startsWith("text/html")) return response;
    const problem = await response.json().catch(() => ({}));
    const unnamed = response.status === 401 ? "session_expired" : "unexpected";
    throw new HubError(problem.code ?? unnamed, problem.detail, problem.errors);
  }

  const path = (base, query) => {
    const filled = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
    return filled.length ? `${base}?${new URLSearchParams(filled)}` : base;
  };

  // A fragment made by the hub's own templates.
  async function fragment(response) {
    const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
    const root = parsed.querySelector("[data-vs-page]");
    if (!root) throw new HubError("unexpected", "the hub's answer was no page");
    return document.adoptNode(root);
  }

  const page = async (query, signal) => fragment(await call(path("/connect/page", query), { signal }));
  const sendCredentials = async (body, query) => fragment(await call(path("/connect/credentials", query), { body }));
  const disconnect = async (body) => fragment(await call("/connect/disconnect", { body }));
  const json = { accept: "application/json" };
  const takeTicket = async (body, signal) => (await call("/connect/tickets", { body, signal, ...json })).json();
  const state = async (signal) => (await call("/connect/state", { signal, ...json })).json();

  async function stream(heard, signal) {
    const response = await call("/connect/events", { signal, accept: "text/event-stream" });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r/);
      rest = lines.pop();
      for (const line of lines) if (line.startsWith("data:")) heard(JSON.parse(line.slice(5)));
    }
  }

  const pause = (ms, signal) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
    });

  // Follows the session until told to stop. The stream is tried again with growing pauses, and while it is
  // down the state is asked for every two seconds: whichever speaks first is right.
  function follow(heard, failed) {
    const stop = new AbortController();
    const { signal } = stop;
    let streaming = false;
    let quiet = true;
    const final = (error) => {
      if (signal.aborted || !isOver(error)) return;
      stop.abort();
      failed(error);
    };
    const listen = async () => {
      for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 15000)) {
        try {
          await stream((message) => {
            streaming = true;
            quiet = false;
            wait = 500;
            heard(message);
          }, signal);
        } catch (error) {
          final(error);
        }
        streaming = false;
        await pause(wait, signal);
      }
    };
    const poll = async () => {
      while (!signal.aborted) {
        await pause(2000, signal);
        // A proxy may swallow the stream without ending it, so an unheard one doesn't count.
        if (signal.aborted || (streaming && !quiet)) continue;
        await state(signal).then((message) => signal.aborted || heard(message), final);
      }
    };
    listen();
    poll();
    return () => stop.abort();
  }

  return { page, sendCredentials, disconnect, takeTicket, state, follow };
};
