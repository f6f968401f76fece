// Estimates with their intervals, around zero: a dot and a line for each treatment of an experiment.

import { toNumber } from "../decimals.js";
import { signedShare } from "../format.js";
import { Chart, axes, tooltip } from "./chart.js";

/** rows: {experiment_id, variant, metric, lift, always_valid_low, always_valid_high}. */
export function intervalChart(parent) {
  let isOne = false;
  const name = (row) => `${isOne ? "" : `${row.experiment_id}, `}${row.variant}: ${row.metric}`;
  const text = (row) =>
    `${signedShare(row.lift)} (${signedShare(row.always_valid_low)} to ${signedShare(row.always_valid_high)})`;
  const chart = new Chart(parent, (rows, style) => ({
    ...axes(style, {
      x: {
        type: "value",
        scale: true,
        axisLabel: { formatter: (value) => signedShare(value, 0) },
        splitLine: { show: true, lineStyle: { color: style.line } },
      },
      y: {
        type: "category",
        data: rows.map(name),
        inverse: true,
        splitLine: { show: false },
        axisLabel: { color: style.text, width: style.size * (style.isNarrow ? 9 : 20), overflow: "truncate" },
      },
    }),
    grid: {
      left: style.size * 0.2,
      right: style.size * 1.6,
      top: style.size * 0.5,
      bottom: style.size * 0.2,
      containLabel: true,
    },
    tooltip: tooltip(style, "item", ({ data }) => [name(data.row), [[style.accent, "Lift", text(data.row)]]]),
    series: [
      {
        name: "Lift",
        type: "custom",
        color: style.accent,
        renderItem: (_, api) => drawn(api, style),
        encode: { x: [1, 2, 3], y: 0 },
        data: rows.map((row, place) => ({
          row,
          value: [place, toNumber(row.always_valid_low), toNumber(row.lift), toNumber(row.always_valid_high)],
        })),
        markLine: {
          silent: true,
          symbol: "none",
          label: { show: false },
          lineStyle: { color: style.muted, type: "solid" },
          data: [{ xAxis: 0 }],
        },
      },
    ],
  }));

  const update = (rows) => {
    isOne = new Set(rows.map((row) => row.experiment_id)).size === 1;
    chart.node.hidden = rows.length === 0;
    chart.node.style.height = `${3 + 2 * rows.length}rem`;
    const first = rows[0] ? ` ${name(rows[0])}: ${text(rows[0])}.` : "";
    chart.update(rows, `${rows.length} lifts with their intervals.${first} All of them are in the table below.`);
  };
  return { update };
}

function drawn(api, style) {
  const [low, middle, high] = [1, 2, 3].map((place) => api.coord([api.value(place), api.value(0)]));
  const line = { stroke: style.accent, lineWidth: style.size / 6 };
  return {
    type: "group",
    children: [
      { type: "line", shape: { x1: low[0], y1: low[1], x2: high[0], y2: high[1] }, style: line },
      { type: "circle", shape: { cx: middle[0], cy: middle[1], r: style.size / 2.6 }, style: { fill: style.accent } },
    ],
  };
}
