// Builders of elements. Text is only ever set as text, never parsed as HTML: it can come from anybody who sends events.

/** Returns a new element. `properties`: class, text, on (listeners by event), and attributes by name. */
export function element(name, properties = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "text") node.textContent = value;
    else if (key === "on") Object.entries(value).forEach(([event, listener]) => node.addEventListener(event, listener));
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets a text in place. Leaves an unchanged text alone, so that nothing is painted again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Returns an invisible text for screen readers. */
export function spoken(text) {
  return element("span", { class: "spoken", text });
}

/** Returns a link to a file of what `title` names. */
export function csvLink(title, href = null) {
  return element("a", { class: "tool csv", text: "CSV", download: true, href, "aria-label": `${title} as CSV` });
}

/** Returns nodes of a text in which `commands` between backticks become code. */
export function withCode(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", { text: part }) : part));
}
