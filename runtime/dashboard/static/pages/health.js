// Whether the numbers can be trusted: rules, refused events, anomalies, batches and refreshes.

import { colour } from "../colours.js";
import { barChart } from "../charts/bars.js";
import { rangeChart } from "../charts/range.js";
import { findings, timeLine } from "../charts/time_line.js";
import { element } from "../dom.js";
import { timestamp } from "../format.js";
import { plainLegend } from "../legend.js";
import { Panel, tableBelow } from "../panels.js";
import { badge, byTotal, drive, summary, tableView } from "./common.js";

export const title = "Health";
export const about = "Whether the numbers can be trusted: rules, refused events, anomalies, batches and refreshes.";
export const filters = ["period"];

export function create(content) {
  const table = (caption, sort) => tableView({ caption, sort });
  const panels = [
    new Panel({ panel: "quality", title: "Quality rules", size: "wide rows-8", view: qualityRules }),
    new Panel({ panel: "anomalies", title: "Anomalies", size: "wide rows-8", view: anomalies }),
    new Panel({
      panel: "expected",
      title: "Expected and observed",
      size: "wide with-chart",
      view: expected,
      about: "Values by hour over the range that the weeks before let expect. Findings are marked.",
    }),
    new Panel({
      panel: "refused",
      title: "Refused events",
      size: "half with-chart",
      view: refused,
      about: "Dead letters by reason, in numbers. Their bytes are the owner’s.",
    }),
    new Panel({
      panel: "repairs",
      title: "Repaired events",
      size: "half with-chart",
      view: table("Repaired events"),
      about: "Events whose meaning was certain.",
    }),
    new Panel({ panel: "batches", title: "Last batches", size: "wide rows-8", view: table("Last batches") }),
    new Panel({
      panel: "refreshes",
      title: "Refreshes of the models",
      size: "wide rows-8",
      view: table("Refreshes of the models"),
    }),
  ];
  content.append(...panels.map((panel) => panel.node));
  return drive(panels);
}

function anomalies(body) {
  const chart = timeLine(body);
  const show = tableView({ caption: "Anomalies" })(body);
  return (answer) => {
    chart.update(findings(answer));
    show(answer);
  };
}

/** One of the series over its expected range; those with findings come first. */
function expected(body) {
  const id = "expected-series";
  const select = element("select", { id });
  body.append(
    element("div", { class: "field" }, element("label", { for: id, text: "Series" }), select),
  );
  const chart = rangeChart(body, { unit: "ratio" });
  const show = tableView({ caption: "Expected and observed" })(tableBelow(body, "Expected and observed"));
  let answer = null;
  const draw = () => {
    const rows = answer.rows.filter((row) => row.series === select.value);
    const points = rows.map((row) => ({
      at: row.hour,
      value: row.observed,
      low: row.expected_low,
      high: row.expected_high,
      isMarked: row.is_anomaly === "yes",
    }));
    const marked = points.filter(({ isMarked }) => isMarked).length;
    chart.update(
      { points, step: 3_600_000 },
      `${select.value} in ${points.length} hours, ${marked} of them with a finding. All values are in the table below.`,
    );
    show({ ...answer, rows: [...rows].reverse() });
  };
  select.addEventListener("change", draw);
  return (next) => {
    answer = next;
    const names = [...new Set(answer.rows.map((row) => row.series))];
    const chosen = names.includes(select.value) ? select.value : names[0];
    select.replaceChildren(...names.map((name) => element("option", { value: name, text: name })));
    select.value = chosen;
    draw();
  };
}

/** The rules as the server lists them, with their state as a badge. */
function qualityRules(body) {
  return tableView({ caption: "Quality rules", key: (row) => row.rule }, (answer) =>
    answer.columns.map((column) => (column.name === "state" ? { ...column, format: badge } : column)),
  )(body);
}

/** Refused events by hour, stacked by reason. Reasons take the colours of the palette in order. */
function refused(body) {
  const legend = element("div");
  body.append(legend);
  const chart = barChart(body, { label: (at) => timestamp(at).replace(/:\d\d$/, "") });
  const show = tableView({ caption: "Refused events", sort: { name: "events", descending: true } })(
    tableBelow(body, "Refused events"),
  );
  return (answer) => {
    const reasons = byTotal(answer.rows, "reason", "events");
    const hours = [...new Set(answer.rows.map((row) => row.hour))].sort();
    const value = (reason, hour) =>
      answer.rows
        .filter((row) => row.reason === reason && row.hour === hour)
        .reduce((sum, row) => sum + Number(row.events), 0);
    const slot = (reason) => `--channel-${reasons.indexOf(reason) % 9}`;
    legend.replaceChildren(plainLegend(reasons.map((reason) => [reason, slot(reason)])));
    const series = reasons.map((reason) => ({
      name: reason,
      colour: () => colour(slot(reason)),
      values: hours.map((hour) => value(reason, hour)),
    }));
    const totals = hours.map((hour) => reasons.reduce((sum, reason) => sum + value(reason, hour), 0));
    chart.update(
      { categories: hours, series, unit: "count" },
      summary(
        "Refused events by hour",
        hours.map((at) => timestamp(at)),
        totals,
        "count",
      ),
    );
    show(answer);
  };
}
