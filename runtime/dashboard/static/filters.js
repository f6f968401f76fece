// Filters, which live in the address: a view can be sent to somebody, and the back button undoes a choice.

import { element } from "./dom.js";
import { dayRange } from "./format.js";

const DAY_MS = 86_400_000;
const PERIODS = [
  ["1", "Last day"],
  ["7", "Last 7 days"],
  ["30", "Last 30 days"],
  ["90", "Last 90 days"],
  ["all", "All days"],
];
const DEFAULT_PERIOD = "30";
const CHOICES = {
  channel: { label: "Channel", all: "All channels", list: "channels" },
  device: { label: "Device", all: "All devices", list: "devices" },
  currency: { label: "Currency", all: "All currencies", list: "currencies" },
  segment: { label: "Segment", all: "All segments", list: "segments" },
  model: { label: "Model", all: null, list: "models" },
  look_back: { label: "Look-back", all: "As set", list: "look_backs" },
};

const isDay = (text) => /^\d{4}-\d\d-\d\d$/.test(text ?? "") && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
const shift = (day, days) => new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

/** Returns the days that the address names: {from, to}. The server names the mistake in a malformed day. */
export function period(search, known) {
  const last = known.last_day ?? new Date().toISOString().slice(0, 10);
  if (search.has("from") || search.has("to")) {
    return { from: search.get("from") || known.first_day || last, to: search.get("to") || last };
  }
  const days = search.get("days") ?? DEFAULT_PERIOD;
  if (days === "all") return { from: known.first_day ?? last, to: last };
  const number = PERIODS.some(([value]) => value === days) ? Number(days) : Number(DEFAULT_PERIOD);
  return { from: shift(last, 1 - number), to: last };
}

/** Returns the parameters of a request for a panel, limited to the filters `names` of a page. */
export function parameters(search, known, names) {
  const chosen = Object.fromEntries(
    names.filter((name) => name in CHOICES && search.get(name)).map((name) => [name, search.get(name)]),
  );
  return names.includes("period") ? { ...period(search, known), ...chosen } : chosen;
}

/** Returns the period before, of the same length, which changes are compared with. */
export function periodBefore({ from, to }) {
  if (!isDay(from) || !isDay(to)) return null;
  const days = Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
  return { from: shift(from, -days), to: shift(from, -1) };
}

export function periodText({ from, to }) {
  return isDay(from) && isDay(to) && from <= to ? dayRange(from, to) : `${from} to ${to}`;
}

/** Returns the form of the filters `names`. `change(changes)`: is called with new values; null removes a parameter. */
export function filterForm(search, known, names, change) {
  const form = element("form", {
    class: "filters",
    "aria-label": "Filters",
    on: { submit: (event) => event.preventDefault() },
  });
  if (names.includes("period")) form.append(...periodFields(search, known, change));
  for (const name of names.filter((candidate) => candidate in CHOICES)) {
    const field = choiceField(name, search.get(name) ?? "", known, change);
    if (field) form.append(field);
  }
  const active = [...names, "from", "to", "days"].filter((name) => search.get(name));
  if (active.length > 0) {
    const reset = () => change(Object.fromEntries(active.map((name) => [name, null])));
    form.append(element("button", { type: "button", class: "quiet", text: "Clear filters", on: { click: reset } }));
  }
  return form;
}

function select(id, label, options, value, changed) {
  const node = element(
    "select",
    { id, on: { change: (event) => changed(event.target.value) } },
    ...options.map(([key, text]) => element("option", { value: key, text })),
  );
  node.value = value;
  return element("div", { class: "field" }, element("label", { for: id, text: label }), node);
}

function periodFields(search, known, change) {
  const isCustom = search.has("from") || search.has("to");
  const days = search.get("days");
  const value = isCustom ? "custom" : PERIODS.some(([key]) => key === days) ? days : DEFAULT_PERIOD;
  const current = period(search, known);
  const choose = (chosen) => {
    if (chosen === "custom") change({ days: null, ...current });
    else change({ from: null, to: null, days: chosen === DEFAULT_PERIOD ? null : chosen });
  };
  const fields = [select("filter-period", "Period", [...PERIODS, ["custom", "Custom…"]], value, choose)];
  if (isCustom) {
    for (const [name, label] of [
      ["from", "From"],
      ["to", "To"],
    ]) {
      const listener = (event) => isDay(event.target.value) && change({ ...current, [name]: event.target.value });
      const input = element("input", {
        type: "date",
        id: `filter-${name}`,
        value: current[name],
        on: { change: listener },
      });
      fields.push(element("div", { class: "field" }, element("label", { for: input.id, text: label }), input));
    }
  }
  return fields;
}

function choiceField(name, value, known, change) {
  const { label, all, list } = CHOICES[name];
  const listed = known[list] ?? [];
  if (listed.length === 0 && !value) return null;
  const options = listed.map((text) => [text, name === "model" ? modelName(text) : text]);
  if (all) options.unshift(["", all]);
  // An address can name a value that the data no longer have. It is shown, so that an empty page explains itself.
  if (value && !listed.includes(value)) options.push([value, `${value} (not in the data)`]);
  const selected = value || (all ? "" : defaultModel(known));
  const changed = (chosen) => change({ [name]: !chosen || (!all && chosen === defaultModel(known)) ? null : chosen });
  return select(`filter-${name}`, label, options, selected, changed);
}

export function defaultModel(known) {
  return known.default_model ?? "";
}

export function modelName(model) {
  const name = model.replaceAll("_", " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
}
