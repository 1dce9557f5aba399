// What the dashboard can do better with a script: copying a value. Everything works without it.

for (const button of document.querySelectorAll("[data-copy]")) {
  const value = document.getElementById(button.dataset.copy);
  const word = button.querySelector("[data-copy-word]");
  if (!value || !navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(value.textContent);
    word.textContent = "Copied";
    setTimeout(() => (word.textContent = "Copy"), 2000);
  });
}

// Copying what stands beside, such as an id that is cut short.
if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy-text]")) button.hidden = false;
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy-text]");
  if (!copy) return;
  await navigator.clipboard.writeText(copy.dataset.copyText);
  copy.classList.add("is-copied");
  const { title } = copy;
  copy.title = "Copied";
  copy.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    copy.classList.remove("is-copied");
    copy.title = title;
    copy.setAttribute("aria-label", title);
  }, 2000);
});

// On a phone the places of the dashboard stand in a row that scrolls: the present one is to be seen.
const place = document.querySelector(".nav [aria-current=page]");
if (place) {
  const row = place.closest(".nav");
  const show = () => {
    const [shown, whole] = [place, row].map((one) => one.getBoundingClientRect());
    row.scrollLeft += shown.left - whole.left - (whole.width - shown.width) / 2;
  };
  show();
  addEventListener("resize", show);
}

// The head of a table stays in sight as the page moves, where no column has to be moved into sight.
const roomy = new ResizeObserver((changed) => {
  for (const { target } of changed) {
    const frame = target.closest(".table-frame");
    frame.classList.toggle("has-room", frame.querySelector("table").offsetWidth <= frame.clientWidth);
  }
});
for (const part of document.querySelectorAll(".table-frame, .table-frame > table")) roomy.observe(part);

// A menu closes where one clicks elsewhere or presses Escape.
for (const menu of document.querySelectorAll(".environment, .column-choice")) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// Escape closes what slid in.
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector(".scrim")?.click();
});

// The look of the modal: the preview keeps up with what is typed, and a file becomes the address of a logo.
const look = document.querySelector("[data-theme-form]");
if (look) {
  const previews = document.querySelectorAll("iframe.preview");
  const show = () => {
    const query = new URLSearchParams();
    // What the form was made from is nothing of the look.
    for (const [name, value] of new FormData(look)) if (value !== "" && name !== "seen") query.append(name, value);
    for (const preview of previews) preview.contentWindow.location.replace(`${look.dataset.themeForm}?${query}`);
  };
  let waiting;
  // Which page is shown is chosen beside the form.
  document.addEventListener("input", (event) => {
    if (event.target.form !== look) return;
    clearTimeout(waiting);
    waiting = setTimeout(show, 250);
  });
  const button = look.querySelector("[data-theme-show]");
  if (button) button.hidden = true;
  const picked = look.querySelector("[data-accent-pick]");
  if (picked) {
    const typed = look.elements.namedItem("accent");
    const follow = () => {
      const long = typed.value.trim().replace(/^#([\da-f])([\da-f])([\da-f])$/i, "#$1$1$2$2$3$3");
      picked.value = /^#[\da-f]{6}$/i.test(long) ? long : "#2c56dd";
    };
    picked.hidden = false;
    follow();
    typed.addEventListener("input", follow);
    picked.addEventListener("input", () => (typed.value = picked.value));
    // What becomes of a colour only the hub knows.
    const ask = async () => {
      const fields = new URLSearchParams(new FormData(look));
      fields.append("preview", "1");
      const sent = { method: "POST", body: fields, redirect: "manual" };
      const answer = await fetch(look.action, sent).catch(() => null);
      if (!answer?.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const said = page.getElementById("f-accent-said");
      if (said) document.getElementById("f-accent-said").replaceChildren(...said.childNodes);
    };
    for (const field of [typed, picked]) field.addEventListener("change", ask);
  }
  const chooser = look.querySelector("[data-logo-file]");
  if (chooser) {
    const file = chooser.querySelector("input");
    const wrong = document.getElementById("logo-file-error");
    const clear = chooser.querySelector("[data-logo-clear]");
    const image = look.querySelector("[data-logo-shown]");
    const address = look.elements.namedItem("logo");
    const refuse = (text) => {
      wrong.textContent = text;
      wrong.hidden = text === "";
    };
    const use = (logo) => {
      address.value = logo;
      image.hidden = clear.hidden = logo === "";
      if (logo) image.src = logo;
      else image.removeAttribute("src");
      show();
    };
    chooser.hidden = false;
    look.querySelector("[data-logo-typed]").open = address.hasAttribute("aria-invalid");
    clear.addEventListener("click", () => {
      file.value = "";
      refuse("");
      use("");
      file.focus();
    });
    image.addEventListener("error", () => {
      if (!image.hidden) refuse("This can’t be shown as an image. Choose another file.");
      image.hidden = true;
    });
    file.addEventListener("change", () => {
      const [chosen] = file.files;
      if (!chosen) return;
      if (!file.accept.split(",").includes(chosen.type)) return refuse("Choose a PNG, JPEG, WebP or SVG file.");
      if (chosen.size > 8900) {
        return refuse(`The file has ${Math.ceil(chosen.size / 100) / 10} kB. Make it smaller: at most 8.9 kB, or an SVG.`);
      }
      refuse("");
      const reader = new FileReader();
      reader.addEventListener("load", () => use(reader.result));
      reader.readAsDataURL(chosen);
    });
  }
}

// What was found by a test is read first.
document.getElementById("tested")?.focus();
// Several rows at once: all of a page by one box, and how many are chosen.
const bulk = document.querySelector("form.bulk");
if (bulk) {
  const picks = [...bulk.querySelectorAll("[data-pick]")];
  const all = bulk.querySelector("[data-pick-all]");
  const matching = bulk.querySelector("[data-pick-matching]");
  const count = bulk.querySelector("[data-picked]");
  const tell = () => {
    const chosen = picks.filter((pick) => pick.checked).length;
    all.checked = chosen === picks.length;
    all.indeterminate = chosen > 0 && chosen < picks.length;
    const everywhere = matching?.checked ?? false;
    count.textContent = everywhere ? "With all of them:" : `With ${chosen} chosen:`;
    for (const button of bulk.querySelectorAll(".bulk-bar button")) button.disabled = !chosen && !everywhere;
  };
  if (all) {
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const pick of picks) pick.checked = all.checked;
    });
    bulk.addEventListener("change", tell);
    // A page that one comes back to keeps its boxes.
    window.addEventListener("pageshow", tell);
    tell();
  }
}

// What is left empty is no filter, and the address stays short.
document.addEventListener("formdata", (event) => {
  if (!event.target.matches(".filter-form")) return;
  for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
});

// What is sent is sent once, and its button says that it is under way. What a script sends says so itself.
const rest = () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy]")) {
    button.removeAttribute("aria-busy");
    button.removeAttribute("aria-disabled");
    button.classList.remove("is-busy");
  }
};
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.getAttribute("method") !== "post" || form.matches("[data-in-place]")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  const button = event.submitter ?? form.querySelector("[type=submit]");
  button?.setAttribute("aria-busy", "true");
  button?.setAttribute("aria-disabled", "true");
  button?.classList.add("is-busy");
  // Longer than the hub lets a page take: who stops the browser before can send again.
  setTimeout(rest, 40_000);
});
addEventListener("pageshow", rest);

// Long work goes on by itself; without a script there is a button.
const next = document.querySelector("form[data-continue]");
if (next) setTimeout(() => next.isConnected && next.requestSubmit(), 300);

// A download tells how far it is and that it has ended. What is no file leads to a page, which the browser asks for itself.
const download = document.querySelector("form[data-download]");
if (download) {
  const shown = download.querySelector("[data-download-progress]");
  const [bar, words, count] = shown.children;
  const button = download.querySelector("[type=submit]");
  const total = () => Number(download.dataset.download);
  const number = (events) => events.toLocaleString("en");
  // Where nobody has counted all, the bar moves without saying how far it is, and the number says it.
  const tell = (events) => {
    if (total()) bar.value = events;
    count.textContent = total() ? `${number(events)} of ${number(total())}` : `${number(events)} so far`;
  };
  const read = async (answer, head) => {
    const [files, parts] = [[], []];
    const reader = answer.body.getReader();
    let [lines, size] = [-head, 0];
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      size += part.value.length;
      // What is put away as a file, the browser need not hold in memory.
      if (size > 16_000_000) {
        files.push(new Blob(parts.splice(0)));
        size = 0;
      }
      for (const byte of part.value) if (byte === 10) lines += 1;
      tell(Math.max(lines, 0));
    }
    return new Blob([...files, ...parts]);
  };
  const keep = (file, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };
  download.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    const fields = new URLSearchParams(new FormData(download));
    if (!total()) bar.removeAttribute("value");
    tell(0);
    shown.hidden = false;
    words.textContent = "The export is under way. Stay on this page until it has ended.";
    const sent = { method: "POST", body: fields, redirect: "manual" };
    try {
      const answer = await fetch(download.action, sent);
      const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))?.[1];
      if (!answer.ok || !name) return download.submit();
      keep(await read(answer, fields.get("format") === "csv" ? 1 : 0), name);
      bar.value = bar.max;
      words.textContent = `The export has ended. ${name} is with your downloads.`;
    } catch {
      words.textContent = "The export broke off, and nothing of it was kept. Try again.";
    } finally {
      button.removeAttribute("aria-disabled");
    }
  });
}
