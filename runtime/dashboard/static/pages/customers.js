// Who buys: new and returning customers, cohorts, segments.

import { colour } from "../colours.js";
import { ratio, toNumber } from "../decimals.js";
import { element, spoken } from "../dom.js";
import { count, day, formatValue, share } from "../format.js";
import { plainLegend } from "../legend.js";
import { Panel, choices, tableBelow } from "../panels.js";
import { scroller } from "../table.js";
import { drive, stackedByDay, tableView } from "./common.js";

export const title = "Customers";
export const about = "New and returning customers, what a customer is worth after some months, and segments.";
export const filters = ["period", "channel", "device", "currency", "segment"];

const KINDS = { new: "--accent", returning: "--second" };

export function create(content) {
  let measure = "ltv";
  const redraws = [];
  const panels = [
    new Panel({
      panel: "new_returning",
      title: "New and returning customers",
      size: "wide with-chart",
      about: "Checkouts by day.",
      view: (body) =>
        stackedByDay(body, "Checkouts of new and returning customers by day", "checkouts", {
          by: "customer",
          colourOf: (kind) => colour(KINDS[kind] ?? "--unattributed"),
          legendOf: () => ({
            node: plainLegend([
              ["New", KINDS.new],
              ["Returning", KINDS.returning],
            ]),
            update: () => {},
          }),
        }),
    }),
    new Panel({
      panel: "cohorts",
      title: "Cohorts",
      size: "wide rows-8",
      about: "By month of the first checkout, and months since then.",
      tools: [
        choices(
          "Measure",
          [
            ["ltv", "Value per customer"],
            ["retention", "Share that buys"],
          ],
          measure,
          (value) => {
            measure = value;
            redraws.forEach((redraw) => redraw());
          },
        ),
      ],
      view: (body) => heatTable(body, () => measure, redraws),
    }),
    new Panel({ panel: "segments", title: "Segments", size: "wide rows-8", view: segments }),
    new Panel({
      panel: "segment_migration",
      title: "Moves between segments",
      size: "wide rows-8",
      view: tableView({ caption: "Moves between segments" }),
    }),
  ];
  content.append(...panels.map((panel) => panel.node));
  return drive(panels);
}

function segments(body) {
  const options = { caption: "Segments", sort: { name: "customers", descending: true }, key: (row) => row.segment };
  return tableView(options, (answer) =>
    answer.columns.map((column) => ({ ...column, bar: column.name === "customers", short: true })),
  )(body);
}

/** Cohorts as a table whose cells are coloured by value: a row a cohort, a column a month. */
function heatTable(body, measureNow, redraws) {
  const table = element("table", { class: "heat" });
  body.append(scroller("Cohorts, by month", table));
  const show = tableView({ caption: "Cohorts, all columns" })(tableBelow(body, "Cohorts"));
  let answer = null;
  const draw = () => {
    const measure = measureNow();
    const value = (row) => (measure === "ltv" ? toNumber(row.ltv) : ratio(row.buyers, row.customers));
    const cohorts = [...new Set(answer.rows.map((row) => row.cohort))].sort();
    const months = [...new Set(answer.rows.map((row) => Number(row.months_since)))].sort((a, b) => a - b);
    const cells = new Map(answer.rows.map((row) => [`${row.cohort} ${row.months_since}`, row]));
    // In the first month everybody buys; the colours show the differences after it.
    const compared = answer.rows.filter((row) => measure === "ltv" || Number(row.months_since) > 0);
    const largest = Math.max(0, ...compared.map((row) => value(row) ?? 0));
    const heading = (text) => element("th", { scope: "col", class: "number", text });
    const head = element(
      "tr",
      {},
      element("th", { scope: "col", text: "First checkout" }),
      heading("Customers"),
      ...months.map((month) => heading(month === 0 ? "Month 0" : `+${month}`)),
    );
    const rows = cohorts.map((cohort) => {
      const first = cells.get(`${cohort} 0`) ?? answer.rows.find((row) => row.cohort === cohort);
      const name = day(cohort, { month: "long", year: "numeric" });
      return element(
        "tr",
        {},
        element("th", { scope: "row", text: name }),
        element("td", { class: "number", text: count(first.customers) }),
        ...months.map((month) => heatCell(cells.get(`${cohort} ${month}`), value, largest, measure, answer.currency)),
      );
    });
    table.replaceChildren(
      element("caption", { class: "spoken", text: "Cohorts" }),
      element("thead", {}, head),
      element("tbody", {}, ...rows),
    );
  };
  redraws.push(() => answer && draw());
  return (next) => {
    answer = next;
    draw();
    show(answer);
  };
}

function heatCell(row, value, largest, measure, currency) {
  if (!row) return element("td", { class: "number" }, spoken("not yet"));
  const number = value(row);
  const text = measure === "ltv" ? formatValue(row.ltv, "money", currency) : number === null ? "–" : share(number, 0);
  const cell = element("td", { class: "number heat-cell", text });
  cell.style.setProperty("--heat", String(largest ? Math.min(1, (number ?? 0) / largest) : 0));
  return cell;
}
