/* The little that pages do beyond HTML and htmx. Everything works without it. */
document.documentElement.dataset.js = "";

// The narrow screen's menu.
document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggles]");
  if (toggle) {
    const menu = document.getElementById(toggle.dataset.toggles);
    const open = menu.toggleAttribute("data-open");
    toggle.setAttribute("aria-expanded", String(open));
  }
});

// "Copy" beside a digest.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const word = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copies);
    button.textContent = "Copied";
  } catch {
    button.textContent = button.dataset.copies;
  }
  setTimeout(() => { button.textContent = word; }, 1500);
});

// A form is sent once: large uploads take a while and invite a second click.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.getAttribute("aria-busy") === "true") {
    event.preventDefault();
    return;
  }
  if (form.dataset.asks && !window.confirm(form.dataset.asks)) {
    event.preventDefault();
    return;
  }
  if (form.method === "post") form.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[aria-busy]").forEach((form) => form.removeAttribute("aria-busy"));
});

// Long tables open for printing.
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not([open])").forEach((section) => {
    section.open = true;
    section.dataset.openedForPrint = "";
  });
});
window.addEventListener("afterprint", () => {
  document.querySelectorAll("[data-opened-for-print]").forEach((section) => {
    section.open = false;
    delete section.dataset.openedForPrint;
  });
});
