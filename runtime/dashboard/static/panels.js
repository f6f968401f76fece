// A panel: a card that loads one answer of the API and shows it, or says why it cannot.

import { getPanel, panelAddress } from "./api.js";
import { csvLink, element, setText, withCode } from "./dom.js";

let number = 0;

/**
 * A card with a title, a link to its CSV, and a body that `view` draws.
 *
 * options: `panel` (name in the API), `title`, `about` (a sentence), `view(body)` (returns `update(answer)`), `size` (a
 *   class that reserves the room), `tools` (elements of the heading), `extra()` (further parameters).
 */
export class Panel {
  #options;
  #parameters = {};
  #body = element("div", { class: "panel-body" });
  #message = element("div", { class: "panel-message", hidden: true });
  #note = element("p", { class: "note", hidden: true });
  #csv;
  #draw = null;
  #last = null;
  #request = null;
  needsRetry = false;

  constructor(options) {
    this.#options = options;
    const id = `panel-${(number += 1)}`;
    this.#csv = csvLink(options.title);
    const heading = element("h2", { id, text: options.title });
    const about = options.about ? element("p", { class: "about", text: options.about }) : null;
    const tools = element("div", { class: "tools" }, ...(options.tools ?? []), this.#csv);
    const header = element("header", {}, element("div", {}, heading, about), tools);
    this.node = element(
      "section",
      { class: `card panel ${options.size ?? ""}`, "aria-labelledby": id, "aria-busy": "true" },
      header,
      this.#note,
      this.#body,
      this.#message,
    );
  }

  /** Loads the panel with other parameters, or again. Numbers on the screen stay until the new ones are there. */
  async load(parameters = this.#parameters) {
    this.#request?.abort();
    this.#parameters = parameters;
    this.#request = new AbortController();
    const query = { ...parameters, ...this.#options.extra?.() };
    this.#csv.href = panelAddress(this.#options.panel, query, ".csv");
    this.node.setAttribute("aria-busy", "true");
    try {
      this.#show(await getPanel(this.#options.panel, query, this.#request.signal));
      this.needsRetry = false;
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.isTemporary === undefined) throw error;
      this.#fail(error);
    }
    this.node.setAttribute("aria-busy", "false");
  }

  stop() {
    this.#request?.abort();
  }

  #show(answer) {
    this.node.classList.remove("stale");
    const text = JSON.stringify([
      answer.columns,
      answer.rows,
      answer.previous,
      answer.note,
      answer.empty,
      answer.currency,
    ]);
    if (text === this.#last) return;
    this.#last = text;
    this.#note.hidden = !answer.note;
    setText(this.#note, answer.note ?? "");
    const isEmpty = answer.rows.length === 0;
    this.#body.hidden = isEmpty;
    this.#message.hidden = !isEmpty;
    if (isEmpty) {
      const { title, how } = answer.empty ?? {
        title: "Nothing in this selection",
        how: "Choose a longer period or fewer filters.",
      };
      this.#say(title, how);
      return;
    }
    this.#draw ??= this.#options.view(this.#body, answer);
    this.#draw(answer);
  }

  #fail(error) {
    this.needsRetry = error.isTemporary;
    if (error.isTemporary && this.#last) {
      this.node.classList.add("stale");
      return;
    }
    this.#last = null;
    this.#body.hidden = true;
    this.#message.hidden = false;
    this.#say(error.isTemporary ? "No data at the moment" : "This selection cannot be shown", error.message);
  }

  #say(title, how) {
    const lines = [element("p", { class: "message-title", text: title })];
    if (how) lines.push(element("p", {}, ...withCode(how)));
    this.#message.replaceChildren(...lines);
  }
}

/** Returns a group of buttons of which one is pressed. `choose(value)` is called with the choice. */
export function choices(label, options, selected, choose) {
  const group = element("div", { class: "choices", role: "group", "aria-label": label });
  const press = (value) =>
    [...group.children].forEach((button) => button.setAttribute("aria-pressed", String(button.value === value)));
  for (const [value, text] of options) {
    const click = () => {
      press(value);
      choose(value);
    };
    group.append(element("button", { type: "button", value, text, on: { click } }));
  }
  press(selected);
  return group;
}

/** Adds a chart's table, which a button opens. Returns the place of the table. */
export function tableBelow(body, title, label = "As a table") {
  const place = element("div", { class: "table-below" });
  body.append(
    element(
      "details",
      { class: "as-table" },
      element("summary", { text: label, "aria-label": `${title}: ${label.toLowerCase()}` }),
      place,
    ),
  );
  return place;
}
