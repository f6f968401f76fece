// The ways that led to checkouts.

import { paint } from "../colours.js";
import { duration } from "../format.js";
import { Panel, tableBelow } from "../panels.js";
import { sankeyChart } from "../charts/sankey.js";
import { drive, pathNode, pick, rangeBars, tableView } from "./common.js";

export const title = "Journeys";
export const about = "The ways that led to checkouts: which channels begin them, which assist, and how long they take.";
export const filters = ["period", "channel", "device", "currency", "segment", "look_back"];

export function create(content) {
  const panels = [
    new Panel({
      panel: "touch_flow",
      title: "From touch to checkout",
      size: "wide with-tall-chart",
      view: flows,
      about: "Checkouts that went from one channel to the next, by the position of the touch.",
    }),
    new Panel({
      panel: "paths",
      title: "Top paths",
      size: "wide rows-8",
      view: tableView(
        { caption: "Top paths", sort: { name: "conversions", descending: true }, key: (row) => row.path },
        (answer) =>
          pick(answer, [
            ["path", { format: (value) => pathNode(value, paint) }],
            ["conversions", { bar: true }],
            "non_conversions",
            "net_revenue",
            "gross_revenue",
            "touches",
          ]),
      ),
    }),
    new Panel({
      panel: "path_lengths",
      title: "Touches before a checkout",
      size: "half with-chart",
      view: (body) => rangeBars(body, "Touches before a checkout", "conversions", (row) => String(row.touches)),
    }),
    new Panel({
      panel: "time_to_convert",
      title: "Time to convert",
      size: "half with-chart",
      about: "From the first touch to the checkout.",
      view: (body) => rangeBars(body, "Time to convert", "conversions", rangeName),
    }),
    new Panel({
      panel: "assists",
      title: "First, assisting, last",
      size: "wide rows-8",
      about: "A channel assists when it is on the path and another one has the last touch.",
      view: tableView(
        {
          caption: "First, assisting and last touches by channel",
          sort: { name: "assisted_conversions", descending: true },
          colour: (row) => row.channel,
          key: (row) => row.channel,
        },
        (answer) =>
          pick(answer, [
            "channel",
            ["first_touch_conversions", { bar: true }],
            ["assisted_conversions", { bar: true }],
            ["last_touch_conversions", { bar: true }],
            "assisted_net_revenue",
          ]),
      ),
    }),
  ];
  content.append(...panels.map((panel) => panel.node));
  return drive(panels);
}

function rangeName(row) {
  if (row.time_to === null) return `over\n${duration(row.time_from)}`;
  return Number(row.time_from) === 0
    ? `below\n${duration(row.time_to)}`
    : `${duration(row.time_from)} –\n${duration(row.time_to)}`;
}

function flows(body) {
  const chart = sankeyChart(body);
  const show = tableView({ caption: "From touch to checkout", sort: { name: "checkouts", descending: true } })(
    tableBelow(body, "From touch to checkout"),
  );
  return (answer) => {
    const largest = answer.rows.reduce((most, row) => (Number(row.checkouts) > Number(most.checkouts) ? row : most));
    chart.update(
      answer.rows,
      `Flow of checkouts from channel to channel. Largest: ${largest.from_channel} to ${largest.to_channel}, ` +
        `${largest.checkouts} checkouts. All values are in the table below.`,
    );
    show(answer);
  };
}
