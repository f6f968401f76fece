// Definitions on hover and on keyboard focus: one tooltip for the page, which Escape closes and the pointer can enter.

import { element } from "./dom.js";

const known = new Map();
let current = null;
let timer = 0;

/** Attaches a definition to an interactive element. Screen readers read it as the element's description. */
export function define(node, definition) {
  if (!definition) return node;
  node.classList.add("defined");
  node.setAttribute("aria-describedby", describe(definition));
  node.dataset.definition = definition;
  return node;
}

/** Returns a term with its definition as a button, because only an interactive element can be reached by keyboard. */
export function term(label, definition) {
  if (!definition) return element("span", { text: label });
  return define(element("button", { type: "button", class: "term", text: label }), definition);
}

function describe(definition) {
  if (!known.has(definition)) {
    const id = `definition-${known.size}`;
    document.getElementById("definitions").append(element("span", { id, text: definition }));
    known.set(definition, id);
  }
  return known.get(definition);
}

export function startDefinitions(tip) {
  const open = (node) => {
    clearTimeout(timer);
    if (current === node) return;
    current = node;
    tip.textContent = node.dataset.definition;
    tip.showPopover();
    place(tip, node);
  };
  const close = () => {
    clearTimeout(timer);
    current = null;
    tip.hidePopover();
  };
  const closeSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(close, 150);
  };
  const defined = (event) => event.target.closest?.(".defined");
  document.addEventListener("pointerover", (event) => {
    const node = defined(event);
    if (node) open(node);
    else if (event.target === tip) clearTimeout(timer);
    else if (current && document.activeElement !== current) closeSoon();
  });
  document.addEventListener("focusin", (event) => (defined(event) ? open(defined(event)) : close()));
  document.addEventListener("focusout", closeSoon);
  document.addEventListener("keydown", (event) => event.key === "Escape" && close());
  document.addEventListener("scroll", close, { capture: true, passive: true });
}

function place(tip, node) {
  const box = node.getBoundingClientRect();
  const own = tip.getBoundingClientRect();
  const gap = 8;
  const left = Math.min(Math.max(gap, box.left), document.documentElement.clientWidth - own.width - gap);
  const below = box.bottom + gap + own.height <= innerHeight;
  tip.style.left = `${left}px`;
  tip.style.top = `${below ? box.bottom + gap : Math.max(gap, box.top - gap - own.height)}px`;
}
