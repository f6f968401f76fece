// Exact sums of decimal numbers in text, such as amounts of money. Null stands for an unknown number.

function parse(text) {
  const [, sign, whole, fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(String(text)) ?? [];
  if (whole === undefined) return null;
  const shift = Number(exponent);
  const digits = fraction.length - shift;
  const units = BigInt(`${sign}${whole}${fraction}`);
  return digits >= 0 ? { units, digits } : { units: units * 10n ** BigInt(-digits), digits: 0 };
}

function write({ units, digits }) {
  const sign = units < 0n ? "-" : "";
  const text = (units < 0n ? -units : units).toString().padStart(digits + 1, "0");
  return digits === 0 ? sign + text : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** Returns the sum as text; null when a value is null, because the sum is then unknown. */
export function sum(values) {
  let total = { units: 0n, digits: 0 };
  for (const value of values) {
    const added = value === null || value === undefined ? null : parse(value);
    if (added === null) return null;
    const digits = Math.max(total.digits, added.digits);
    const scaled = (number) => number.units * 10n ** BigInt(digits - number.digits);
    total = { units: scaled(total) + scaled(added), digits };
  }
  return write(total);
}

/** Returns a number for drawing; null for an unknown one. */
export function toNumber(value) {
  return value === null || value === undefined || value === "" ? null : Number(value);
}

/** Returns the quotient as a number; null where it is unknown or has no meaning. */
export function ratio(dividend, divisor) {
  const [top, bottom] = [toNumber(dividend), toNumber(divisor)];
  return top === null || bottom === null || bottom === 0 ? null : top / bottom;
}
