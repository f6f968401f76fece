// Findings on a time line: a lane a series, a bar from the beginning to the end of each finding.

import { element } from "../dom.js";
import { timestamp } from "../format.js";
import { Chart, axes, tooltip } from "./chart.js";

export function timeLine(parent) {
  const place = element("div");
  parent.append(place);
  const chart = new Chart(
    place,
    ({ lanes, items }, style) => ({
      ...axes(style, {
        x: { type: "time", axisLabel: {} },
        y: {
          type: "category",
          data: lanes,
          inverse: true,
          axisLabel: { color: style.text, width: style.size * 10, overflow: "truncate" },
          splitLine: { show: true, lineStyle: { color: style.line } },
        },
      }),
      tooltip: tooltip(style, "item", ({ data }) => [
        data.lane,
        [[style.second, `${timestamp(data.from)} –`, data.to ? timestamp(data.to) : "now"]],
      ]),
      series: [
        {
          name: "Findings",
          type: "custom",
          color: style.second,
          renderItem: (_, api) => {
            const [start, end] = [api.coord([api.value(1), api.value(0)]), api.coord([api.value(2), api.value(0)])];
            const height = style.size * 0.8;
            return {
              type: "rect",
              shape: {
                x: start[0],
                y: start[1] - height / 2,
                width: Math.max(end[0] - start[0], style.size / 4),
                height,
                r: height / 4,
              },
              style: { fill: style.second },
            };
          },
          encode: { x: [1, 2], y: 0 },
          data: items.map((item) => ({
            ...item,
            value: [lanes.indexOf(item.lane), item.from, item.to ?? new Date().toISOString()],
          })),
        },
      ],
    }),
    "tall",
  );

  /** Shows items {lane, from, to}; a null `to` means: not over. */
  const update = (items) => {
    const lanes = [...new Set(items.map((item) => item.lane))];
    place.hidden = items.length === 0;
    chart.node.style.height = `${2.5 + 1.7 * lanes.length}rem`;
    chart.update(
      { lanes, items },
      `${items.length} findings in ${lanes.length} series. All of them are in the table below.`,
    );
  };
  return { update };
}

/** Returns the items of any view: its first text is the series, its first two times are the beginning and the end. */
export function findings(answer) {
  const [from, to] = answer.columns.filter((column) => column.unit === "timestamp");
  const name = answer.columns.find((column) => column.unit === "text");
  if (!from || !name) return [];
  return answer.rows
    .filter((row) => row[from.name])
    .map((row) => ({ lane: String(row[name.name]), from: row[from.name], to: row[(to ?? from).name] }));
}
