// What each channel brought and cost, by each model.

import { getPanel } from "../api.js";
import { element, withCode } from "../dom.js";
import { change } from "../format.js";
import { Panel, choices } from "../panels.js";
import { Table } from "../table.js";
import { drive, pick, stackedByDay, tableView } from "./common.js";
import { modelBars } from "./models.js";
import { totals } from "./totals.js";

export const title = "Channels";
export const about = "What each channel brought and cost, how it changed, and how much that depends on the model.";
export const isCompared = true;
export const filters = ["period", "channel", "device", "currency", "segment", "model", "look_back"];

export function create(content) {
  let parameters = {};
  let measure = "net_revenue";
  const strip = totals();
  const performance = new Panel({
    panel: "performance",
    title: "Channels",
    size: "wide rows-8",
    about: "A row opens its campaigns. Changes compare with the period before.",
    view: (body) => performanceTable(body, strip, () => parameters),
  });
  const byDay = new Panel({
    panel: "performance_by_day",
    title: "Net revenue by day",
    size: "wide with-chart",
    view: (body) => stackedByDay(body, "Net revenue by day", "net_revenue"),
  });
  const models = new Panel({
    panel: "models",
    title: "Models side by side",
    size: "wide with-chart",
    about: "Where the models agree, the answer does not depend on the model.",
    extra: () => ({ measure }),
    tools: [
      choices(
        "Measure",
        [
          ["net_revenue", "Net revenue"],
          ["conversions", "Conversions"],
        ],
        measure,
        (value) => {
          measure = value;
          models.load();
        },
      ),
    ],
    view: modelBars,
  });
  const panels = [performance, byDay, models];
  content.append(strip.node, ...panels.map((panel) => panel.node));
  const driven = drive(panels);
  return {
    ...driven,
    load(next, context) {
      parameters = next;
      strip.wait(context.before);
      driven.load(next, context);
    },
  };
}

function performanceTable(body, strip, parametersNow) {
  const show = tableView(
    {
      caption: "Channels and their campaigns",
      sort: { name: "net_revenue", descending: true },
      colour: (row) => row.channel,
      key: (row) => row.channel,
      detailsLabel: "Campaigns",
      details: (row) => campaigns(row.channel, parametersNow()),
    },
    columns,
  )(body);
  return (answer) => {
    const before = new Map((answer.previous ?? []).map((row) => [row.channel, row.net_revenue]));
    answer.rows.forEach((row) => {
      const changed = answer.previous
        ? change(row.net_revenue, before.has(row.channel) ? before.get(row.channel) : "0")
        : null;
      row.change = changed;
    });
    strip.update(answer);
    show(answer);
  };
}

const FIGURES = [
  ["net_revenue", { bar: true }],
  "gross_revenue",
  "conversions",
  "new_customers",
  "spend",
  "roas",
  "cpa",
  "cac",
  "aov",
];

function columns(answer) {
  const shown = pick(answer, ["channel", ...FIGURES]);
  if (!answer.previous) return shown;
  const changed = {
    name: "change",
    label: "Change",
    unit: "text",
    numeric: true,
    definition: "Change of the net revenue against the period before, which has the same length.",
    format: (value) => changeNode(value),
  };
  return [...shown.slice(0, 2), changed, ...shown.slice(2)];
}

function changeNode(changed) {
  if (!changed) return "–";
  return element("span", { class: `change ${["down", "same", "up"][changed.direction + 1]}`, text: changed.text });
}

/** The campaigns of a channel, which are loaded when its row opens. */
function campaigns(channel, parameters) {
  const place = element("div", { class: "campaigns" }, element("p", { class: "quiet-text", text: "Loading…" }));
  getPanel("campaigns", { ...parameters, channel }).then(
    (answer) => {
      if (answer.rows.length === 0) {
        place.replaceChildren(element("p", { class: "quiet-text" }, ...withCode(answer.empty?.how ?? "No campaigns.")));
        return;
      }
      const shown = pick(answer, [["campaign", { format: (value) => value || "(no campaign)" }], ...FIGURES]);
      const table = new Table(shown, {
        caption: `Campaigns of ${channel}`,
        currency: answer.currency,
        sort: { name: "net_revenue", descending: true },
        colour: () => channel,
        key: (row) => row.campaign,
      });
      place.replaceChildren(table.node);
      table.update(answer.rows);
    },
    (error) => place.replaceChildren(element("p", { class: "quiet-text", text: error.message })),
  );
  return place;
}
