// The page: shows the part that the address names, and the state of the connection.

import { getFilters } from "./api.js";
import { setChannels } from "./colours.js";
import { Connection } from "./connection.js";
import { startDefinitions } from "./definitions.js";
import { element, setText } from "./dom.js";
import { filterForm, parameters, period, periodBefore, periodText } from "./filters.js";
import { time, timeZone, zoneName } from "./format.js";
import { startTheme } from "./theme.js";
import * as channels from "./pages/channels.js";
import * as customers from "./pages/customers.js";
import * as experiments from "./pages/experiments.js";
import * as health from "./pages/health.js";
import * as journeys from "./pages/journeys.js";
import * as live from "./pages/live.js";

const PAGES = { live, channels, journeys, customers, experiments, health };
const REFRESH_MS = 60_000;
const main = document.getElementById("main");
const connection = new Connection();
let known = null;
let view = null;
let page = null;
let shown = null;

function route() {
  const name = location.pathname.slice(1);
  return name in PAGES ? name : "live";
}

/** Shows the page of the address. `moved`: the viewer came from another page, so the focus goes to its heading. */
function show({ moved = false } = {}) {
  const name = route();
  shown = location.pathname + location.search;
  if (name !== page) {
    view?.stop?.();
    view = null;
    page = name;
    document.querySelectorAll("nav a").forEach((link) => {
      if (link.pathname === `/${name}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    document.title = `${PAGES[name].title} · Attribution`;
    const heading = element("h1", { text: PAGES[name].title, tabindex: "-1" });
    const about = element("p", { class: "page-about", text: PAGES[name].about });
    const controls = element("div", { class: "controls" });
    const content = element("div", { class: `page ${name}` });
    main.replaceChildren(element("div", { class: "page-head" }, heading, about), controls, content);
    view = PAGES[name].create(content, { connection });
    scrollTo(0, 0);
    if (moved) heading.focus({ preventScroll: true });
  }
  apply();
}

/** Applies the address to the page: filters, and the numbers that they select. */
function apply() {
  const { filters } = PAGES[page];
  if (!filters || !known) return;
  const search = new URLSearchParams(location.search);
  const controls = main.querySelector(".controls");
  const focused = controls.contains(document.activeElement) ? document.activeElement.id || "filter-period" : null;
  const range = filters.includes("period") ? period(search, known) : null;
  const before = PAGES[page].isCompared ? periodBefore(range) : null;
  const form = filterForm(search, known, filters, changeFilters);
  const text = range && `${periodText(range)}, days in UTC${before ? `; compared with ${periodText(before)}` : ""}`;
  if (filters.length > 0) controls.replaceChildren(form, element("p", { class: "range", text: text ?? "" }));
  if (focused) (document.getElementById(focused) ?? form.querySelector("select, input"))?.focus();
  view.load?.(parameters(search, known, filters), { known, before, search });
}

function changeFilters(changes) {
  const search = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) search.delete(name);
    else search.set(name, value);
  }
  go(`${location.pathname}${search.size ? `?${search}` : ""}`);
}

function go(address, options) {
  history.pushState(null, "", address);
  show(options);
}

/** Links between pages keep the filters, and load nothing but data. */
function follow(event) {
  const link = event.target.closest?.("a");
  if (!link || link.hash || link.origin !== location.origin || !(link.pathname.slice(1) in PAGES)) return;
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.pathname + location.search, { moved: true });
}

async function loadFilters() {
  try {
    known = await getFilters();
  } catch {
    return; // Tried again when the connection changes.
  }
  setChannels(known.channels);
  apply();
}

const LAST_KNOWN = "The numbers are the last ones known. The page recovers by itself.";
const TEXTS = {
  connecting: () => ["Connecting", ""],
  live: () => [liveText(), ""],
  waiting: () => ["Waiting for the first event", connection.reason ? `Waiting: ${connection.reason}.` : ""],
  lost: (since) => [
    `Database lost since ${since}`,
    `The database has not answered since ${since}. ${LAST_KNOWN}${connection.reason ? ` (${connection.reason})` : ""}`,
  ],
  offline: (since) => [
    `Connection lost since ${since}`,
    `The page’s server has not answered since ${since}. ${LAST_KNOWN}`,
  ],
};

function liveText() {
  const at = connection.snapshot?.as_of;
  return at ? `Live · ${time(at)}` : "Live";
}

function showConnection() {
  const since = connection.since ? `${time(connection.since)} ${zoneName()}` : "an unknown time";
  const [short, long] = TEXTS[connection.state](since);
  document.body.dataset.state = connection.state;
  setText(document.getElementById("connection"), short);
  setText(document.getElementById("banner"), long);
  const recovered = connection.state === "live" || connection.state === "waiting";
  if (recovered && !known) loadFilters();
  else if (recovered) view?.retry?.();
}

/** Loads the panels again when there are newer data. A page that nobody sees asks for nothing. */
function refreshRegularly() {
  let loaded = null;
  setInterval(() => {
    const asOf = connection.snapshot?.as_of ?? null;
    if (document.hidden || connection.state !== "live" || asOf === loaded) return;
    loaded = asOf;
    view?.reload?.();
  }, REFRESH_MS);
}

startTheme(document.getElementById("theme"));
startDefinitions(document.getElementById("tip"));
document.getElementById("zones").textContent =
  timeZone === zoneName() ? `Times and days in ${timeZone}.` : `Times in ${timeZone} (${zoneName()}). Days in UTC.`;
document.addEventListener("click", follow);
addEventListener("popstate", () => {
  // Links to a place within the page, such as the skip link, change nothing else.
  if (location.pathname + location.search !== shown) show({ moved: route() !== page });
});
connection.addEventListener("change", showConnection);
connection.addEventListener(
  "snapshot",
  () => connection.state === "live" && setText(document.getElementById("connection"), liveText()),
);
show();
connection.start();
loadFilters();
refreshRegularly();
