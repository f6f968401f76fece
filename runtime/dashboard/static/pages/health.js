// Whether the numbers can be trusted: rules, refused events, anomalies, batches and refreshes.

import { colour } from "../colours.js";
import { barChart } from "../charts/bars.js";
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
