// The fields of a form: reading, checking, showing what is wrong. Knows neither pages nor the hub.
"use strict";

const Fields = (() => {
  const inputs = (form) => [...form.querySelectorAll("[data-vs-field] :is(input, select, textarea)")];

  // A host has no capitals; the hub keeps it in small letters.
  function typed(input) {
    const value = input.value.trim();
    return "lower" in input.dataset ? value.toLowerCase() : value;
  }

  // What would be sent: trimmed, and without optional fields that are empty.
  function read(form) {
    const data = {};
    for (const input of inputs(form)) {
      const value = typed(input);
      if (value || input.required) data[input.name] = value;
    }
    return data;
  }

  // Patterns are written for the hub's engine. One that this engine doesn't know is left to the hub.
  function matches(pattern, value) {
    try {
      return new RegExp(`^(?:${pattern})$`, "u").test(value);
    } catch {
      return true;
    }
  }

  function fault(input) {
    const value = typed(input);
    const { missing, wrong } = input.closest("[data-vs-field]").dataset;
    if (!value) return input.required ? missing : "";
    return input.dataset.pattern && !matches(input.dataset.pattern, value) ? wrong : "";
  }

  function say(input, message) {
    const field = input.closest("[data-vs-field]");
    field.classList.toggle("is-bad", Boolean(message));
    field.querySelector(".field-error").textContent = message;
    if (message) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  const valid = (form) => inputs(form).every((input) => !fault(input));

  // Shows every fault, and puts the user at the first.
  function check(form) {
    const bad = inputs(form).filter((input) => {
      const message = fault(input);
      say(input, message);
      return message;
    });
    bad[0]?.focus();
    return bad.length === 0;
  }

  // Shows what the hub found, `[{pointer: "/data/subdomain", message}]`. Says whether there was a field for any.
  function showErrors(form, errors) {
    let shown = false;
    for (const { pointer, message } of errors ?? []) {
      const name = pointer?.startsWith("/data/") ? pointer.slice(6).replaceAll("~1", "/").replaceAll("~0", "~") : null;
      const input = inputs(form).find((one) => one.name === name);
      if (!input) continue;
      say(input, message);
      if (!shown) input.focus();
      shown = true;
    }
    return shown;
  }

  // A key file pasted where its key belongs: the key stays, and what else the file knows fills the empty fields.
  function takeApart(form, input) {
    if (input.tagName !== "TEXTAREA" || !input.value.trimStart().startsWith("{")) return;
    let file;
    try {
      file = JSON.parse(input.value);
    } catch {
      return;
    }
    if (typeof file[input.name] !== "string") return;
    for (const other of inputs(form)) {
      const member = file[other.name];
      if (typeof member === "string" && (other === input || !other.value.trim())) other.value = member;
    }
  }

  // Complains when a field is left, and takes the complaint back as soon as it is mended. Not when it is left for a
  // button: the complaint would move the button away from under the pointer.
  function watch(form, changed) {
    const leave = (event) => {
      const input = event.target;
      if (event.relatedTarget?.closest("button")) return;
      if (input.value?.trim() && input.closest("[data-vs-field]")) say(input, fault(input));
    };
    const type = (event) => {
      const input = event.target;
      const field = input.closest("[data-vs-field]");
      if (!field) return;
      takeApart(form, input);
      if (field.classList.contains("is-bad") && !fault(input)) say(input, "");
      changed();
    };
    form.addEventListener("focusout", leave);
    form.addEventListener("input", type);
    form.addEventListener("change", type);
  }

  function toggleReveal(button) {
    const input = document.getElementById(button.getAttribute("aria-controls"));
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", String(shown));
    button.textContent = shown ? button.dataset.hide : button.dataset.show;
  }

  function hideSecrets(form) {
    for (const button of form.querySelectorAll('[data-vs-action="reveal"][aria-pressed="true"]')) toggleReveal(button);
  }

  const dirty = (form) => inputs(form).some((input) => input.value !== (input.defaultValue ?? "") && input.tagName !== "SELECT");

  return { read, check, valid, showErrors, watch, toggleReveal, hideSecrets, dirty };
})();
