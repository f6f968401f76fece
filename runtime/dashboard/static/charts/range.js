// A measured line over the range that was expected of it, with the times of findings marked.

import { toNumber } from "../decimals.js";
import { axisNumber, formatValue, timestamp } from "../format.js";
import { Chart, axes, tooltip } from "./chart.js";

/** A chart of points {at, value, low, high, isMarked}. */
export function rangeChart(parent, { unit }) {
  return new Chart(parent, ({ points, step }, style) => ({
    ...axes(style, {
      x: { type: "time", axisLabel: {} },
      y: { type: "value", scale: true, axisLabel: { formatter: (value) => axisNumber(value, unit) } },
    }),
    tooltip: tooltip(style, "axis", ([{ dataIndex }]) => {
      const { at, value, low, high } = points[dataIndex];
      const range = `${formatValue(low, unit)} – ${formatValue(high, unit)}`;
      return [timestamp(at), [[style.accent, "Observed", formatValue(value, unit)], [style.muted, "Expected", range]]];
    }),
    series: [
      { ...invisible, name: "low", data: points.map(({ at, low }) => [at, toNumber(low)]) },
      {
        ...invisible,
        name: "Expected",
        areaStyle: { color: style.muted, opacity: 0.25 },
        data: points.map(({ at, low, high }) => [at, toNumber(high) - toNumber(low)]),
      },
      {
        name: "Observed",
        type: "line",
        symbol: "none",
        color: style.accent,
        lineStyle: { width: Math.max(2, style.size / 8) },
        data: points.map(({ at, value }) => [at, toNumber(value)]),
        markArea: {
          silent: true,
          itemStyle: { color: style.second, opacity: 0.3 },
          data: points
            .filter(({ isMarked }) => isMarked)
            .map(({ at }) => [{ xAxis: at }, { xAxis: new Date(Date.parse(at) + step).toISOString() }]),
        },
      },
    ],
  }));
}

// The area between two lines is drawn as the difference, stacked upon the lower one.
const invisible = { type: "line", stack: "range", symbol: "none", lineStyle: { opacity: 0 }, silent: true };
