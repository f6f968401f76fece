// The last credits, as they come in.

import { paint } from "../colours.js";
import { csvLink, element, withCode } from "../dom.js";
import { duration, money, time } from "../format.js";
import { scroller } from "../table.js";

/** The last credits, newest first. New ones enter at the top; the others are not touched. */
export function creditTicker() {
  const list = element("ol", { class: "ticker" });
  const empty = element(
    "li",
    { class: "quiet-text" },
    ...withCode("No credit yet. `make demo` sends events; so can you, to the streams."),
  );
  list.append(empty);
  const node = element(
    "section",
    { class: "card ticker-card" },
    element("header", {}, element("h2", { text: "Last credits" }), csvLink("Last credits", "/api/live/credits.csv")),
    scroller("Last credits", list, "ticker-scroller"),
  );
  const items = new Map();

  const update = ({ ticker }) => {
    const seen = new Map();
    const keys = ticker.map((credit) => {
      const key = JSON.stringify(credit);
      seen.set(key, (seen.get(key) ?? 0) + 1);
      return `${key}#${seen.get(key)}`;
    });
    empty.hidden = ticker.length > 0;
    for (const [key, item] of items) {
      if (!keys.includes(key)) {
        item.remove();
        items.delete(key);
      }
    }
    keys.forEach((key, index) => {
      if (!items.has(key)) items.set(key, tickerItem(ticker[index]));
      if (list.children[index] !== items.get(key)) list.insertBefore(items.get(key), list.children[index] ?? null);
    });
  };
  return { node, update };
}

function tickerItem(credit) {
  const channel = paint(
    element(
      "span",
      { class: "ticker-channel" },
      element("span", { class: "swatch", "aria-hidden": "true" }),
      credit.channel,
    ),
    credit.channel,
  );
  const clicked = credit.before_seconds === null ? "no click" : `${duration(credit.before_seconds)} before`;
  return element(
    "li",
    {},
    element("time", { datetime: credit.at, text: time(credit.at) }),
    element("span", { class: "ticker-amount", text: money(credit.amount, credit.currency) }),
    element("span", { class: "ticker-product", text: credit.product ?? "–" }),
    element("span", { class: "ticker-why" }, channel, `, ${clicked}`),
  );
}
