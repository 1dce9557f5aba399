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

// A menu closes where one clicks elsewhere or presses Escape.
const menu = document.querySelector(".environment");
if (menu) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// The look of the modal: the preview keeps up with what is typed, and a file becomes the address of a logo.
const look = document.querySelector("[data-theme-form]");
if (look) {
  const previews = document.querySelectorAll("iframe.preview");
  const show = () => {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(look)) if (value !== "") query.append(name, value);
    for (const preview of previews) preview.contentWindow.location.replace(`${look.dataset.themeForm}?${query}`);
  };
  let waiting;
  look.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 250);
  });
  const button = look.querySelector("[data-theme-show]");
  if (button) button.hidden = true;
  const chooser = look.querySelector("[data-logo-file]");
  if (chooser) {
    chooser.hidden = false;
    chooser.querySelector("input").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (!file) return;
      const reader = new FileReader();
      reader.addEventListener("load", () => {
        look.elements.namedItem("logo").value = reader.result;
        show();
      });
      reader.readAsDataURL(file);
    });
  }
}

// What was found by a test is read first.
document.getElementById("tested")?.focus();
