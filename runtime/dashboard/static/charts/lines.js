// Moving lines over the last minutes.

import { toNumber } from "../decimals.js";
import { axisNumber, formatValue, time } from "../format.js";
import { Chart, axes, tooltip } from "./chart.js";

/** A line chart over time. series: [{name, colour(style), dashed, area}]. */
export function lineChart(parent, { series, unit, height }) {
  const option = (data, style) => ({
    ...axes(style, {
      x: {
        type: "time",
        min: data.at[0],
        max: data.at.at(-1),
        boundaryGap: false,
        axisLabel: { formatter: (value) => time(value).slice(0, 5), showMinLabel: false },
        splitNumber: style.isNarrow ? 3 : 5,
      },
      // The newest time is centred at the end of its axis. The names of several lines stand after and above their ends.
      right: style.size * (series.length > 1 ? 2.6 : 1.4),
      top: series.length > 1 ? style.size * 1.4 : undefined,
      y: { type: "value", min: 0, axisLabel: { formatter: (value) => axisNumber(value, unit, data.currency) } },
    }),
    tooltip: tooltip(style, "axis", (points) => [
      time(points[0].value[0]),
      points.map((point) => [point.color, point.seriesName, formatValue(point.value[1], unit, data.currency)]),
    ]),
    series: series.map(({ name, colour, dashed, area }, index) => ({
      name,
      type: "line",
      color: colour(style),
      lineStyle: { width: Math.max(2, style.size / 8), type: dashed ? "dashed" : "solid" },
      areaStyle: area ? { opacity: 0.14 } : undefined,
      data: points(data.at, data.values[index], style.size / 3),
      endLabel: series.length > 1 ? { show: true, ...endLabel(name, index, style) } : undefined,
    })),
  });
  return new Chart(parent, option, height);
}

/** Returns the name at a line's end. The series are in ascending order, so each name stands above the one before. */
function endLabel(name, index, style) {
  const fontSize = style.size * 0.75;
  return {
    formatter: name,
    color: style.text,
    fontSize,
    distance: 4,
    verticalAlign: index > 0 ? "bottom" : "middle",
    offset: [0, -index * fontSize * 0.6],
  };
}

/** Returns the points of a line. A point between gaps has no line to be seen by, so it gets a dot. */
function points(at, values, size) {
  const isGap = (place) => values[place] === null || values[place] === undefined;
  return at.map((time, place) => {
    const isAlone = isGap(place - 1) && isGap(place + 1);
    return { value: [time, toNumber(values[place])], symbol: isAlone ? "circle" : "none", symbolSize: size };
  });
}
