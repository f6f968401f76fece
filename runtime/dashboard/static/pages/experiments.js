// Results of experiments.

import { intervalChart } from "../charts/intervals.js";
import { element, withCode } from "../dom.js";
import { signedShare } from "../format.js";
import { Panel, tableBelow } from "../panels.js";
import { badge, drive, pick, tableView } from "./common.js";

export const title = "Experiments";
export const about = "Which variant did better, by how much, and whether the result can be trusted.";
export const filters = [];

export function create(content) {
  const panels = [
    new Panel({
      panel: "experiments",
      title: "Results",
      size: "wide rows-8",
      about: "Lift over the control, with the interval that holds at every look.",
      view: results,
    }),
  ];
  content.append(...panels.map((panel) => panel.node));
  return drive(panels);
}

function results(body) {
  const notes = element("div", { class: "warnings" });
  body.append(notes);
  const chart = intervalChart(body);
  const shown = tableView({ caption: "Results of experiments", key }, columns)(body);
  const all = tableView({ caption: "Results of experiments, all columns", key })(
    tableBelow(body, "Results", "All columns"),
  );
  return (answer) => {
    chart.update(answer.column("always_valid_low") ? answer.rows.filter((row) => row.always_valid_low !== null) : []);
    notes.replaceChildren(...notices(answer.rows));
    shown(answer);
    all(answer);
  };
}

function key(row) {
  return JSON.stringify([row.experiment_id, row.variant, row.metric]);
}

/** Says once for each experiment why its results cannot be used, and what to know before the figures. */
function notices(rows) {
  const texts = rows.flatMap((row) =>
    [row.why_invalid, row.notes].filter(Boolean).map((text) => `${row.experiment_id}: ${text}`),
  );
  return [...new Set(texts)].map((text) => element("p", { class: "note" }, ...withCode(text)));
}

function columns(answer) {
  const shown = pick(answer, [
    "experiment_id",
    ["is_valid", { format: badge }],
    "variant",
    "metric",
    "users",
    "conversion_rate",
    "revenue_per_user",
    ["lift", { format: (lift) => signedShare(lift) }],
    ["always_valid_low", { label: "Interval of the lift", numeric: true, format: interval }],
    ["verdict", { format: badge }],
    ["guardrail", { format: badge }],
    "days_left",
  ]);
  return shown.length > 3 ? shown : answer.columns;
}

function interval(low, row) {
  return low === null ? "–" : `${signedShare(low)} to ${signedShare(row.always_valid_high)}`;
}
