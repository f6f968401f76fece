// Light and dark: the system's preference, or the viewer's choice, which this browser keeps.

const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set();

export function isDark() {
  const choice = document.documentElement.dataset.theme;
  return choice ? choice === "dark" : dark.matches;
}

/** Calls `listener` whenever the colours change. Returns a function that stops it. */
export function onThemeChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function startTheme(button) {
  const show = () => {
    const next = isDark() ? "light" : "dark";
    button.setAttribute("aria-label", `Switch to ${next} colours`);
    button.title = `Switch to ${next} colours`;
    button.dataset.next = next;
  };
  const changed = () => {
    show();
    listeners.forEach((listener) => listener());
  };
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // The choice then lasts until the page is closed.
    }
    changed();
  });
  dark.addEventListener("change", changed);
  show();
}
