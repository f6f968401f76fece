// The models side by side: shares of the channels as bars, and a table with a column a model.

import { channelColour } from "../colours.js";
import { barChart } from "../charts/bars.js";
import { element } from "../dom.js";
import { modelName } from "../filters.js";
import { channelLegend } from "../legend.js";
import { byTotal, tableView } from "./common.js";

export function modelBars(body) {
  const legend = channelLegend();
  body.append(legend.node);
  const chart = barChart(body, { horizontal: true, whole: true, height: "taller" });
  const place = element("div", { class: "models-table" });
  body.append(place);
  const show = tableView(
    {
      caption: "Models side by side",
      colour: (row) => row.channel,
      key: (row) => row.channel,
    },
    (answer) =>
      answer.columns.map((column, index) =>
        index === 0 ? column : { ...column, label: modelName(column.name), bar: true, short: true },
      ),
  )(place);
  return (answer) => {
    const names = answer.columns
      .slice(1)
      .map((column) => column.name)
      .filter((name) => answer.rows.some((row) => row[name] !== null));
    const unit = answer.columns[1]?.unit;
    const ordered = byTotal(answer.rows, "channel", names[0]);
    legend.update(ordered);
    chart.update(
      {
        categories: names.map(modelName),
        unit,
        currency: answer.currency,
        series: ordered.map((channel) => {
          const row = answer.rows.find((candidate) => candidate.channel === channel);
          return { name: channel, colour: () => channelColour(channel), values: names.map((name) => row[name]) };
        }),
      },
      `Shares of the channels by model. ${ordered[0]} leads by ${modelName(names[0] ?? "")}. The table has all values.`,
    );
    show(answer);
  };
}
