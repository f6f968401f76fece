// What happens now.

import { term } from "../definitions.js";
import { csvLink, element, setText, withCode } from "../dom.js";
import { formatValue, money } from "../format.js";
import { lineChart } from "../charts/lines.js";
import { toNumber } from "../decimals.js";
import { channelBars } from "./live_channels.js";
import { creditTicker } from "./ticker.js";

export const title = "Live";
export const about = "What the pipeline commits, as it commits it.";

const LARGE = [
  ["revenue", "Revenue"],
  ["checkouts", "Checkouts"],
  ["events_per_second", "Events per second"],
  ["credited_share", "Credited share"],
];
const SMALL = [
  ["events", "Events"],
  ["p50_ms", "To row, p50"],
  ["p99_ms", "To row, p99"],
  ["lag_seconds", "Consumer lag"],
  ["watermark", "Watermark"],
  ["late", "Late"],
  ["refused", "Refused"],
  ["repaired", "Repaired"],
  ["refunds", "Refunds"],
  ["conflicts", "Conflicts"],
];
const MINUTES = "the last ten minutes";

export function create(content, { connection }) {
  const large = figures(LARGE, "figures large");
  const small = figures(SMALL, "figures small");
  const charts = element("div", { class: "live-charts" });
  const draw = [
    chart(
      charts,
      "Events/s",
      "count",
      ["events"],
      [{ name: "Events", colour: (style) => style.accent, area: true }],
    ),
    chart(
      charts,
      "Revenue per minute",
      "money",
      ["revenue"],
      [{ name: "Revenue", colour: (style) => style.accent, area: true }],
    ),
    chart(
      charts,
      "Checkouts per minute",
      "count",
      ["checkouts"],
      [{ name: "Checkouts", colour: (style) => style.accent, area: true }],
    ),
    chart(
      charts,
      "Put to row",
      "ms",
      ["p50_ms", "p99_ms"],
      [
        { name: "p50", colour: (style) => style.accent },
        { name: "p99", colour: (style) => style.second, dashed: true },
      ],
    ),
  ];
  const channels = channelBars();
  const ticker = creditTicker();
  content.append(large.node, small.node, element("div", { class: "live-grid" }, charts, channels.node, ticker.node));

  const show = (snapshot) => {
    large.update(snapshot);
    small.update(snapshot);
    draw.forEach((update) => update(snapshot));
    channels.update(snapshot);
    ticker.update(snapshot);
  };
  const listener = (event) => show(event.detail);
  connection.addEventListener("snapshot", listener);
  if (connection.snapshot) show(connection.snapshot);
  return { stop: () => connection.removeEventListener("snapshot", listener) };
}

/** Figures whose places exist before their values, so that nothing moves when the values arrive. */
function figures(names, kind) {
  const node = element("dl", { class: kind });
  const places = names.map(([name, label]) => {
    const head = element("dt", {}, term(label, null));
    const value = element("dd", { text: "–" });
    const note = element("dd", { class: "quiet-text", hidden: true });
    node.append(element("div", { class: `card figure ${name}` }, head, value, note));
    return { name, label, head, value, note };
  });
  const update = ({ figures: all, currency }) => {
    for (const place of places) {
      const figure = all[place.name];
      if (!figure) continue;
      if (!place.isDefined && figure.definition) {
        place.head.replaceChildren(term(place.label, figure.definition));
        place.isDefined = true;
      }
      setText(place.value, formatValue(figure.value, figure.unit, currency, { short: true, clock: true }));
      place.value.title = figure.unit === "money" && figure.value !== null ? money(figure.value, currency) : "";
      place.note.hidden = !figure.note;
      if (figure.note && place.note.textContent !== figure.note.replaceAll("`", "")) {
        place.note.replaceChildren(...withCode(figure.note));
      }
    }
  };
  return { node, update };
}

function chart(parent, label, unit, names, series) {
  const heading = element("h2", { text: label, title: label });
  const latest = element("p", { class: "latest", text: "–" });
  const nothing = element("p", { class: "quiet-text", text: "Nothing committed yet." });
  // One file has the values of all charts.
  const isFirst = parent.childElementCount === 0;
  const file = isFirst ? csvLink("The charts of the last ten minutes", "/api/live/series.csv") : null;
  const head = element("header", {}, heading, element("div", { class: "tools" }, latest, file));
  const card = element("section", { class: "card live-chart" }, head, nothing);
  const drawing = lineChart(card, { series, unit, height: "live-height" });
  parent.append(card);
  return ({ series: all, currency }) => {
    nothing.hidden = all.at.length > 0;
    if (all.at.length === 0) return;
    const values = names.map((name) => all[name]);
    const texts = values.map((list, index) => {
      const last = list.findLast((value) => value !== null);
      const text = formatValue(last ?? null, unit, currency, { short: true });
      return series.length > 1 ? `${series[index].name} ${text}` : text;
    });
    setText(latest, texts.at(-1));
    const largest = Math.max(0, ...values.at(-1).map((value) => toNumber(value) ?? 0));
    drawing.update(
      { at: all.at, values, currency },
      `${label} in ${MINUTES}: now ${texts.join(", ")}; at most ${formatValue(largest, unit, currency)}.`,
    );
  };
}
