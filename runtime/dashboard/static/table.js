// Tables with sort buttons, definitions, bars in cells, and rows that expand.

import { paint } from "./colours.js";
import { define } from "./definitions.js";
import { element, spoken } from "./dom.js";
import { formatValue } from "./format.js";
import { toNumber } from "./decimals.js";

const NUMERIC = new Set(["count", "money", "share", "ratio", "seconds", "ms"]);
// A table of more than MOST_ROWS rows shows the first SHOWN_ROWS until the viewer asks for all.
const SHOWN_ROWS = 15;
const MOST_ROWS = 20;

const sizes = new ResizeObserver((entries) => {
  for (const scroller of new Set(entries.map(({ target }) => target.closest("[data-scrolls]")))) {
    if (!scroller) continue;
    const scrolls =
      scroller.scrollWidth > scroller.clientWidth + 1 || scroller.scrollHeight > scroller.clientHeight + 1;
    const attributes = { tabindex: "0", role: "region", "aria-label": scroller.dataset.scrolls };
    for (const [name, value] of Object.entries(attributes)) {
      if (scrolls) scroller.setAttribute(name, value);
      else scroller.removeAttribute(name);
    }
  }
});

/** Returns a region around a content that can scroll. While it does, it can be reached by keyboard. */
export function scroller(label, content, kind = "scroller") {
  const node = element("div", { class: kind, "data-scrolls": label }, content);
  sizes.observe(node);
  sizes.observe(content);
  return node;
}

/**
 * A table of rows (objects by column name).
 *
 * columns: {name, label, unit, definition}, and optionally `bar` (draws the number), `short` (without decimals),
 *   `format(value, row)` (text or a node), `numeric`. The first column heads its row.
 * options: `caption`, `currency`, `sort` {name, descending}, `colour(row)` (a channel), `details(row)` (an element
 *   below an expanded row), `detailsLabel`, `key(row)`.
 */
export class Table {
  #columns;
  #options;
  #rows = [];
  #sort;
  #isWhole = false;
  #expanded = new Set();
  #body = element("tbody");
  #head = element("tr");
  #more = element("button", { type: "button", class: "quiet more", on: { click: () => this.#showWhole() } });

  constructor(columns, options) {
    this.#columns = columns;
    this.#options = { key: (row) => JSON.stringify(Object.values(row).slice(0, 2)), ...options };
    this.#sort = options.sort ?? null;
    columns.forEach((column) => this.#head.append(this.#heading(column)));
    const caption = element("caption", { class: "spoken", text: options.caption });
    const table = element("table", {}, caption, element("thead", {}, this.#head), this.#body);
    this.node = element("div", { class: "table" }, scroller(`${options.caption}, table`, table), this.#more);
  }

  update(rows) {
    this.#rows = rows;
    this.#draw();
  }

  #heading(column) {
    const click = () => {
      const descending = this.#sort?.name === column.name ? !this.#sort.descending : isNumeric(column);
      this.#sort = { name: column.name, descending };
      this.#draw();
    };
    const button = element(
      "button",
      { type: "button", class: "sort", on: { click } },
      element("span", { text: column.label }),
    );
    define(button, column.definition);
    return element("th", { scope: "col", class: isNumeric(column) ? "number" : null }, button);
  }

  #sorted() {
    if (!this.#sort) return this.#rows;
    const { name, descending } = this.#sort;
    const column = this.#columns.find((candidate) => candidate.name === name);
    const value = (row) => (column && isNumeric(column) ? toNumber(row[name]) : row[name]);
    return [...this.#rows].sort((a, b) => {
      const [left, right] = [value(a), value(b)];
      // Unknown values come last in both directions.
      if (left === null || left === undefined) return right === null || right === undefined ? 0 : 1;
      if (right === null || right === undefined) return -1;
      const order = typeof left === "number" ? left - right : String(left).localeCompare(String(right));
      return descending ? -order : order;
    });
  }

  #draw() {
    [...this.#head.children].forEach((heading, index) => {
      const isSorted = this.#sort?.name === this.#columns[index].name;
      if (isSorted) heading.setAttribute("aria-sort", this.#sort.descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
    const rows = this.#sorted();
    const largest = Object.fromEntries(
      this.#columns
        .filter((column) => column.bar)
        .map(({ name }) => [name, Math.max(...rows.map((row) => toNumber(row[name]) ?? 0), 0)]),
    );
    const focused = document.activeElement?.closest("tr")?.dataset.key;
    const shown = this.#isWhole || rows.length <= MOST_ROWS ? rows : rows.slice(0, SHOWN_ROWS);
    this.#body.replaceChildren(...shown.flatMap((row) => this.#row(row, largest)));
    if (focused && this.#body.contains(document.activeElement) === false) {
      [...this.#body.children]
        .find((row) => row.dataset.key === focused)
        ?.querySelector("button")
        ?.focus();
    }
    this.#more.hidden = shown.length === rows.length;
    this.#more.textContent = `Show all ${rows.length} rows`;
  }

  #showWhole() {
    this.#isWhole = true;
    this.#draw();
    this.#body.querySelectorAll("button, tr")[0]?.focus();
  }

  #row(row, largest) {
    const key = this.#options.key(row);
    const cells = this.#columns.map((column, index) => this.#cell(row, column, index, largest[column.name], key));
    const node = element("tr", { "data-key": key }, ...cells);
    if (this.#options.colour) paint(node, this.#options.colour(row));
    if (!this.#expanded.has(key)) return [node];
    const details = element("td", { colspan: this.#columns.length }, this.#options.details(row));
    return [node, element("tr", { class: "details" }, details)];
  }

  #cell(row, column, index, largest, key) {
    const value = row[column.name];
    const content = column.format
      ? column.format(value, row)
      : formatValue(value, column.unit, this.#options.currency, column);
    const text =
      value === null && !column.format
        ? [element("span", { "aria-hidden": "true", text: "–" }), spoken("unknown")]
        : [content];
    if (index === 0) {
      const mark = this.#options.colour ? element("span", { class: "swatch", "aria-hidden": "true" }) : null;
      const head = element(
        "div",
        { class: "head" },
        this.#expander(row, key),
        mark,
        element("span", { class: "name" }, ...text),
      );
      return element(
        "th",
        { scope: "row", class: isNumeric(column) ? "number" : column.unit === "timestamp" ? "time" : null },
        head,
      );
    }
    const cell = element(
      "td",
      { class: isNumeric(column) ? "number" : column.unit === "timestamp" ? "time" : null },
      ...text,
    );
    if (column.bar && largest > 0) {
      cell.classList.add("barred");
      cell.style.setProperty("--share", String(Math.max(toNumber(value) ?? 0, 0) / largest));
    }
    return cell;
  }

  #expander(row, key) {
    if (!this.#options.details) return null;
    const isExpanded = this.#expanded.has(key);
    const click = () => {
      if (!this.#expanded.delete(key)) this.#expanded.add(key);
      this.#draw();
    };
    const label = `${this.#options.detailsLabel}: ${Object.values(row)[0]}`;
    return element("button", {
      type: "button",
      class: "expand",
      "aria-expanded": String(isExpanded),
      "aria-label": label,
      on: { click },
    });
  }
}

function isNumeric(column) {
  return column.numeric ?? NUMERIC.has(column.unit);
}
