// Views that several pages use.

import { barChart } from "../charts/bars.js";
import { channelColour } from "../colours.js";
import { sum, toNumber } from "../decimals.js";
import { element } from "../dom.js";
import { day, formatValue } from "../format.js";
import { channelLegend } from "../legend.js";
import { tableBelow } from "../panels.js";
import { Table } from "../table.js";

/** Returns the functions by which app.js drives a page of panels. `applied(context)`: is called before each loading. */
export function drive(panels, applied = () => {}) {
  return {
    load(parameters, context) {
      applied(context);
      panels.forEach((panel) => panel.load(parameters));
    },
    reload: () => panels.forEach((panel) => panel.load()),
    retry: () => panels.filter((panel) => panel.needsRetry).forEach((panel) => panel.load()),
    stop: () => panels.forEach((panel) => panel.stop()),
  };
}

/**
 * Returns a view of an answer as a table. `columns(answer)`: the columns, by default all of them. Columns that come or
 * go, such as those of a view that a migration changed, replace the table.
 */
export function tableView(options, columns = (answer) => answer.columns) {
  return (body) => {
    const place = element("div");
    body.append(place);
    let table = null;
    let shape = null;
    return (answer) => {
      const shown = columns(answer);
      const described = JSON.stringify([shown.map(({ name, label, unit }) => [name, label, unit]), answer.currency]);
      if (described !== shape) {
        table = new Table(shown, { ...options, currency: answer.currency });
        place.replaceChildren(table.node);
        shape = described;
      }
      table.update(answer.rows);
      return table;
    };
  };
}

/** Returns the columns of an answer by name, with changes: [[name, {bar: true}], "other"]. Absent ones are left out. */
export function pick(answer, names) {
  return names
    .map((entry) => (Array.isArray(entry) ? entry : [entry, {}]))
    .filter(([name]) => answer.column(name))
    .map(([name, changes]) => ({ ...answer.column(name), ...changes }));
}

/** Returns the distinct values of a column by descending total of another one. */
export function byTotal(rows, name, measure) {
  const totals = new Map();
  for (const row of rows) totals.set(row[name], (totals.get(row[name]) ?? 0) + (toNumber(row[measure]) ?? 0));
  return [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a));
}

/** Returns all days between the first and the last one of the rows, so that a day without rows leaves a gap. */
export function daysOf(rows, name = "day") {
  const days = rows.map((row) => row[name]).sort();
  const all = [];
  for (let at = Date.parse(`${days[0]}T00:00:00Z`); at <= Date.parse(`${days.at(-1)}T00:00:00Z`); at += 86_400_000) {
    all.push(new Date(at).toISOString().slice(0, 10));
  }
  return all;
}

/** Describes values by category in a sentence, for a chart's text. */
export function summary(title, categories, values, unit, currency) {
  const numbers = values.map((value) => toNumber(value) ?? 0);
  if (numbers.length === 0) return `${title}: no values.`;
  const most = numbers.indexOf(Math.max(...numbers));
  const text = (index) => `${categories[index]} ${formatValue(values[index] ?? 0, unit, currency)}`;
  return `${title}. Highest: ${text(most)}. Last: ${text(numbers.length - 1)}. All values are in the table below.`;
}

/** Returns a state in words, whose colour repeats it. */
export function badge(state) {
  return state ? element("span", { class: `badge ${String(state).split(" ")[0]}`, text: state }) : "–";
}

/** Returns a path of channels as a list with colours. */
export function pathNode(text, paint) {
  const steps = text.split(" > ");
  const list = element("ol", { class: "path" });
  for (const step of steps) list.append(paint(element("li", { text: step }), step));
  return list;
}

/** A view of a measure by day, stacked by channel: a legend, a chart and its table. */
export function stackedByDay(
  body,
  title,
  measure,
  { by = "channel", colourOf = channelColour, legendOf = channelLegend } = {},
) {
  const legend = legendOf();
  body.append(legend.node);
  const chart = barChart(body, { label: (text) => day(text, { day: "numeric", month: "short" }) });
  const place = tableBelow(body, title);
  const show = tableView({ caption: title, sort: { name: "day", descending: true } })(place);
  return (answer) => {
    const days = daysOf(answer.rows);
    const names = byTotal(answer.rows, by, measure);
    const { unit } = answer.column(measure);
    const cell = new Map(answer.rows.map((row) => [JSON.stringify([row.day, row[by]]), row[measure]]));
    legend.update(names);
    const series = names.map((name) => ({
      name,
      colour: () => colourOf(name),
      values: days.map((at) => cell.get(JSON.stringify([at, name])) ?? null),
    }));
    const totals = days.map((at) => sum(answer.rows.filter((row) => row.day === at).map((row) => row[measure])));
    chart.update(
      { categories: days, series, unit, currency: answer.currency },
      summary(
        title,
        days.map((at) => day(at)),
        totals,
        unit,
        answer.currency,
      ),
    );
    show(answer);
  };
}

/** A view of ranges with one measure: a chart of bars and its table. `name(row)`: the text of a range. */
export function rangeBars(body, title, measure, name) {
  const chart = barChart(body, { all: true });
  const show = tableView({ caption: title })(tableBelow(body, title));
  return (answer) => {
    const categories = answer.rows.map(name);
    const { unit, label } = answer.column(measure);
    const values = answer.rows.map((row) => row[measure]);
    const series = [{ name: label, colour: (style) => style.accent, values }];
    chart.update(
      { categories, series, unit, currency: answer.currency },
      summary(
        title,
        categories.map((text) => text.replace("\n", " ")),
        values,
        unit,
        answer.currency,
      ),
    );
    show(answer);
  };
}
