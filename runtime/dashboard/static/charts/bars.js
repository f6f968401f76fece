// Bars: stacked by channel over days or models, and plain ones over ranges.

import { toNumber } from "../decimals.js";
import { axisNumber, formatValue } from "../format.js";
import { Chart, axes, tooltip } from "./chart.js";

/**
 * Stacked bars. data: {categories: [text], series: [{name, colour(style), values}], unit, currency}.
 *
 * `horizontal`: categories downwards. `whole`: each bar is 100 %. `all`: every category has a label.
 */
export function barChart(
  parent,
  { horizontal = false, whole = false, all = false, height, label = (text) => text } = {},
) {
  const option = (data, style) => {
    const totals = data.categories.map((_, place) =>
      data.series.reduce((sum, { values }) => sum + (toNumber(values[place]) ?? 0), 0),
    );
    const unit = whole ? "share" : data.unit;
    const category = {
      type: "category",
      data: data.categories,
      inverse: horizontal,
      axisLabel: {
        formatter: label,
        alignMinLabel: horizontal ? undefined : "left",
        alignMaxLabel: horizontal ? undefined : "right",
        interval: horizontal || (all && !style.isNarrow) ? 0 : undefined,
        color: horizontal ? style.text : style.muted,
      },
    };
    const value = {
      type: "value",
      min: 0,
      max: whole ? 1 : undefined,
      axisLabel: { formatter: (number) => axisNumber(number, unit, data.currency) },
    };
    const part = (number, place) => (whole && totals[place] ? number / totals[place] : number);
    const shared = axes(style, {
      x: horizontal ? { ...value, splitLine: { show: true, lineStyle: { color: style.line } } } : category,
      y: horizontal ? { ...category, splitLine: { show: false } } : value,
    });
    return {
      ...shared,
      grid: { ...shared.grid, right: style.size * (horizontal ? 1.6 : 0.8) },
      tooltip: {
        ...tooltip(style, "axis", (points) => [
          label(points[0].name).replace("\n", " "),
          points
            .filter((point) => point.value)
            .map((point) => [point.color, point.seriesName, described(data, point, whole)]),
        ]),
        axisPointer: { type: "shadow", shadowStyle: { color: style.muted, opacity: 0.08 } },
      },
      series: data.series.map((series) => ({
        name: series.name,
        type: "bar",
        stack: "all",
        color: series.colour(style),
        barMaxWidth: style.size * 2.2,
        barCategoryGap: "28%",
        itemStyle: { borderColor: style.surface, borderWidth: horizontal ? 1 : 0 },
        data: series.values.map((number, place) => part(toNumber(number) ?? 0, place)),
      })),
    };
  };
  return new Chart(parent, option, height);
}

function described(data, point, whole) {
  const exact = data.series[point.seriesIndex].values[point.dataIndex];
  const text = formatValue(exact, data.unit, data.currency);
  return whole ? `${text} (${formatValue(point.value, "share")})` : text;
}
