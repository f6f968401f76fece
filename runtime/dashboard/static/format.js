// Numbers, money and times as text, in the browser's language and the viewer's time zone.

const UNKNOWN = "–";
const formats = new Map();

function numberFormat(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(undefined, options));
  return formats.get(key);
}

function dateFormat(options) {
  const key = `d${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(undefined, options));
  return formats.get(key);
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const DAY = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };

export const timeZone = dateFormat({}).resolvedOptions().timeZone;

/** Returns the short name of the viewer's zone at a time: "CET". */
export function zoneName(at = new Date()) {
  const parts = dateFormat({ timeZoneName: "short" }).formatToParts(at);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? timeZone;
}

export function count(value) {
  const number = Number(value);
  return numberFormat({ maximumFractionDigits: Number.isInteger(number) ? 0 : Math.abs(number) < 1 ? 2 : 1 }).format(
    number,
  );
}

/** Formats an exact amount. Decimal text is not converted to a floating-point number. `short`: without decimals. */
export function money(value, currency, { short = false } = {}) {
  if (!/^[A-Z]{3}$/.test(currency ?? "")) return numberFormat({ maximumFractionDigits: 2 }).format(value);
  const options = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
  return numberFormat(short ? { ...options, maximumFractionDigits: 0 } : options).format(value);
}

export function share(value, digits = 1) {
  return numberFormat({ style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

export function time(value) {
  return dateFormat(CLOCK).format(new Date(value));
}

export function timestamp(value) {
  const at = new Date(value);
  const year = at.getFullYear() === new Date().getFullYear() ? undefined : "numeric";
  return dateFormat({ day: "numeric", month: "short", year, ...CLOCK }).format(at);
}

/** Formats a day, which has no zone: days of the views are days in UTC. */
export function day(value, options = DAY) {
  return dateFormat({ ...options, timeZone: "UTC" }).format(new Date(`${value}T00:00:00Z`));
}

export function dayRange(from, to) {
  return dateFormat(DAY).formatRange(new Date(`${from}T00:00:00Z`), new Date(`${to}T00:00:00Z`));
}

const STEPS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** Formats a duration by its two largest units: "2 h 5 min". */
export function duration(seconds) {
  const total = Number(seconds);
  if (Math.abs(total) < 10) return `${numberFormat({ maximumFractionDigits: 1 }).format(total)} s`;
  let rest = Math.round(Math.abs(total));
  const parts = [];
  for (const [length, unit] of STEPS) {
    const number = Math.floor(rest / length);
    rest -= number * length;
    if (number > 0) parts.push(`${number} ${unit}`);
    if (parts.length === 2 || (parts.length === 1 && number === 0)) break;
  }
  return (total < 0 ? "−" : "") + parts.join(" ");
}

export function milliseconds(value) {
  const number = Number(value);
  return number < 1000 ? `${numberFormat({ maximumFractionDigits: 0 }).format(number)} ms` : duration(number / 1000);
}

/** Formats a value by its unit, as the API names it. */
export function formatValue(value, unit, currency, options) {
  if (value === null || value === undefined || value === "") return UNKNOWN;
  switch (unit) {
    case "count":
      return count(value);
    case "money":
      return money(value, currency, options);
    case "share":
      return share(value);
    case "ratio":
      return ratio(value);
    case "seconds":
      return duration(value);
    case "ms":
      return milliseconds(value);
    case "day":
      return day(value);
    case "timestamp":
      return options?.clock ? time(value) : timestamp(value);
    default:
      return text(value);
  }
}

/** Formats a ratio with two decimals, and a small one, such as a p-value, with two digits. */
function ratio(value) {
  const number = Math.abs(Number(value));
  const isSmall = number > 0 && number < 0.095;
  const options = isSmall ? { maximumSignificantDigits: 2 } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
  return numberFormat(options).format(value);
}

/** Formats a relative change with its sign: "+4.3%". */
export function signedShare(value, digits = 1) {
  if (value === null || value === undefined) return UNKNOWN;
  const places = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return numberFormat({ style: "percent", ...places, signDisplay: "exceptZero" })
    .format(value)
    .replace("-", "−");
}

function text(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Returns a short text for an axis: "1.2K". */
export function axisNumber(value, unit, currency) {
  const compact = { notation: "compact", maximumFractionDigits: 1 };
  if (unit === "money" && /^[A-Z]{3}$/.test(currency ?? "")) {
    return numberFormat({ ...compact, style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(value);
  }
  if (unit === "share") return share(value, 0);
  if (unit === "ms") return milliseconds(value);
  return numberFormat(compact).format(value);
}

/** Describes a change against the period before, with a sign and a word: {text: "+12.3 % more", direction: 1}. */
export function change(now, before) {
  if (now === null || before === null || now === undefined || before === undefined) return null;
  const [value, former] = [Number(now), Number(before)];
  if (value === former) return { text: "no change", direction: 0 };
  const direction = Math.sign(value - former);
  if (former === 0) return { text: "nothing before", direction };
  const text = signedShare((value - former) / Math.abs(former));
  return { text: `${text} ${direction > 0 ? "more" : "less"}`, direction };
}
