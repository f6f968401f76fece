// Assignment of users to the variants of an experiment, by a hash: no table, no state, the same answer everywhere.
// Runs in browsers and in Node, without packages. Its twin in Python is runtime/analytics/experiments/assignment.py.
// The hash is MurmurHash3 (x86, 32 bits), seeded by the experiment, which is seeded by the salt:
// https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp

const MAX_SHARES = 2 ** 20; // A hash times the sum of the shares must be exact: below 2^53.

/**
 * Returns the user's variant.
 *
 * @param {string} experiment id of the experiment; the variants of two experiments are independent of each other
 * @param {string} userId the id that the events carry, as text
 * @param {[string, number][]} shares variants with their shares, such as [["control", 50], ["treatment", 50]];
 *   changing the order or the shares during an experiment moves users between variants
 * @param {string} salt text of the shop's own; another salt assigns all users anew
 */
export function assign(experiment, userId, shares, salt = "") {
  if (![experiment, userId].every((id) => typeof id === "string" && id))
    throw new TypeError("an experiment and a user have a text of at least one character as their id");
  if (!shares.every(([, share]) => Number.isInteger(share) && share >= 0))
    throw new RangeError("shares are whole numbers of at least 0");
  const total = shares.reduce((sum, [, share]) => sum + share, 0);
  if (total < 1 || total > MAX_SHARES) throw new RangeError(`shares add up to a number from 1 to ${MAX_SHARES}`);
  const point = bucket(experiment, userId, salt) * total;
  let end = 0;
  for (const [variant, share] of shares) {
    end += share * 2 ** 32;
    if (point < end) return variant;
  }
}

/** Returns the user's place in the experiment, from 0 to 2^32 - 1. */
export function bucket(experiment, userId, salt = "") {
  return murmur3(userId, murmur3(experiment, murmur3(salt, 0)));
}

function murmur3(text, seed) {
  const data = new TextEncoder().encode(text);
  const whole = data.length & ~3;
  let value = seed;
  for (let start = 0; start < whole; start += 4) {
    value ^= mixed(data[start] | (data[start + 1] << 8) | (data[start + 2] << 16) | (data[start + 3] << 24));
    value = Math.imul(rotated(value, 13), 5) + 0xe6546b64;
  }
  let rest = 0;
  for (let index = data.length - 1; index >= whole; index--) rest = (rest << 8) | data[index];
  value ^= mixed(rest) ^ data.length;
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

function mixed(block) {
  return Math.imul(rotated(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
}

function rotated(value, bits) {
  return (value << bits) | (value >>> (32 - bits));
}
