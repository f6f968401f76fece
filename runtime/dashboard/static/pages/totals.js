// The totals of a selection, with the change against the period before.

import { ratio, sum } from "../decimals.js";
import { term } from "../definitions.js";
import { element, setText } from "../dom.js";
import { periodText } from "../filters.js";
import { change, formatValue } from "../format.js";

// Ratios of several rows are ratios of sums. `good`: whether more is better; null where that depends.
const FIGURES = [
  { name: "net_revenue", label: "Net revenue", good: true },
  { name: "conversions", label: "Conversions", good: true },
  { name: "new_customers", label: "New customers", good: true },
  { name: "spend", label: "Spend", good: null },
  { name: "roas", label: "ROAS", good: true, of: ["net_revenue", "spend"] },
  { name: "cpa", label: "CPA", good: false, of: ["spend", "conversions"] },
];

function total(rows, figure) {
  if (!figure.of) return sum(rows.map((row) => row[figure.name]));
  const [dividend, divisor] = figure.of.map((name) => sum(rows.map((row) => row[name])));
  return ratio(dividend, divisor);
}

export function totals() {
  const node = element("dl", { class: "figures totals" });
  let before = null;
  const places = FIGURES.map((figure) => {
    const place = {
      figure,
      head: element("dt", {}, term(figure.label, null)),
      value: element("dd", { class: "value", text: "–" }),
      change: element("dd", { class: "change same", text: "\u00a0" }),
    };
    node.append(element("div", { class: "card figure" }, place.head, place.value, place.change));
    return place;
  });
  const update = (answer) => {
    for (const { figure, head, value, change: place } of places) {
      const column = answer.column(figure.name);
      if (!column) continue;
      if (!head.querySelector("button")) head.replaceChildren(term(column.label, column.definition));
      const now = total(answer.rows, figure);
      setText(value, formatValue(now, column.unit, answer.currency, { short: figure.name !== "cpa" }));
      const former = answer.previous && total(answer.previous, figure);
      const changed = answer.previous && change(now, former);
      const judged = changed && figure.good !== null ? changed.direction * (figure.good ? 1 : -1) : 0;
      place.className = `change ${["bad", "same", "good"][judged + 1]}`;
      setText(place, changed ? `${changed.text}` : "\u00a0");
      place.title =
        changed && before ? `${formatValue(former, column.unit, answer.currency)} in ${periodText(before)}` : "";
    }
  };
  return {
    node,
    update,
    wait: (range) => {
      before = range;
    },
  };
}
