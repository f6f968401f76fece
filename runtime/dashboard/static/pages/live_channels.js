// Revenue of the last hour by channel.

import { paint } from "../colours.js";
import { toNumber } from "../decimals.js";
import { csvLink, element, setText } from "../dom.js";
import { formatValue } from "../format.js";

/** Revenue by channel: a table with bars, whose rows are kept between updates. */
export function channelBars() {
  const body = element("tbody");
  const column = (text, number) => element("th", { scope: "col", class: number ? "number" : null, text });
  const table = element(
    "table",
    { class: "bars" },
    element("caption", { class: "spoken", text: "Revenue and checkouts of the last hour by channel" }),
    element("thead", {}, element("tr", {}, column("Channel"), column("Checkouts", true), column("Revenue", true))),
    body,
  );
  const empty = element("p", { class: "quiet-text", text: "No checkout in the last hour." });
  const note = element("p", { class: "about", text: "Last hour, by the first click in the hour before the checkout" });
  const heading = element("div", {}, element("h2", { text: "Revenue by channel" }), note);
  const head = element("header", {}, heading, csvLink("Revenue by channel", "/api/live/channels.csv"));
  const node = element("section", { class: "card" }, head, table, empty);
  const rows = new Map();

  const update = ({ channels, currency }) => {
    const sorted = [...channels].sort((a, b) => toNumber(b.revenue) - toNumber(a.revenue));
    const largest = Math.max(...sorted.map((row) => toNumber(row.revenue) ?? 0), 0);
    empty.hidden = sorted.length > 0;
    table.hidden = sorted.length === 0;
    for (const name of rows.keys()) {
      if (!sorted.some((row) => row.channel === name)) {
        rows.get(name).node.remove();
        rows.delete(name);
      }
    }
    sorted.forEach((row, index) => {
      if (!rows.has(row.channel)) rows.set(row.channel, barRow(row.channel));
      const shown = rows.get(row.channel);
      if (body.children[index] !== shown.node) body.insertBefore(shown.node, body.children[index] ?? null);
      setText(shown.checkouts, formatValue(row.checkouts, "count"));
      setText(shown.revenue, formatValue(row.revenue, "money", currency, { short: true }));
      shown.node.style.setProperty("--share", String(largest ? Math.max(0, toNumber(row.revenue)) / largest : 0));
    });
  };
  return { node, update };
}

function barRow(channel) {
  const checkouts = element("td", { class: "number" });
  const revenue = element("td", { class: "number" });
  const swatch = element("span", { class: "swatch", "aria-hidden": "true" });
  const name = element(
    "th",
    { scope: "row" },
    element("div", { class: "head" }, swatch, element("span", { class: "name", text: channel })),
  );
  return { node: paint(element("tr", {}, name, checkouts, revenue), channel), checkouts, revenue };
}
