"""Assignment of users to the variants of an experiment, by a hash: no table, no state, the same answer everywhere.

For producers of events: this file needs nothing but Python. docs/experiment-assignment.mjs is its twin in JavaScript.
The hash is MurmurHash3 (x86, 32 bits), seeded by the experiment, which is seeded by the salt:
https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
"""

import re
from collections.abc import Sequence

MASK = 0xFFFF_FFFF
# In JavaScript, a hash times the sum of the shares must be exact: below 2^53.
MAX_SHARES = 2**20
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def assign(experiment: str, user_id: str, shares: Sequence[tuple[str, int]], salt: str = "") -> str:
    """Returns the user's variant.

    Args:
        experiment: id of the experiment. The variants of two experiments are independent of each other.
        user_id: the id that the events carry, as text.
        shares: variants with their shares, such as [("control", 50), ("treatment", 50)]. Changing the order or the
            shares during an experiment moves users between variants.
        salt: text of the shop's own. Another salt assigns all users anew.

    Raises:
        ValueError: the experiment or the user has no id, or the shares are not whole numbers of at least 0 whose sum is
            from 1 to 2^20.
    """
    if not experiment or not user_id:
        raise ValueError("an experiment and a user have a text of at least one character as their id")
    if not all(isinstance(share, int) and share >= 0 for _, share in shares):
        raise ValueError("shares are whole numbers of at least 0")
    total = sum(share for _, share in shares)
    if not 1 <= total <= MAX_SHARES:
        raise ValueError(f"shares add up to a number from 1 to {MAX_SHARES}")
    point = bucket(experiment, user_id, salt) * total
    end = 0
    for variant, share in shares:
        end += share << 32
        if point < end:
            return variant
    raise AssertionError("a hash is below 2^32")


def bucket(experiment: str, user_id: str, salt: str = "") -> int:
    """Returns the user's place in the experiment, from 0 to 2^32 - 1."""
    return _murmur3(user_id, _murmur3(experiment, _murmur3(salt, 0)))


def _murmur3(text: str, seed: int) -> int:
    """Returns the hash of the text in UTF-8. A surrogate without its pair counts as U+FFFD, as in JavaScript."""
    data = LONE_SURROGATE.sub("\ufffd", text).encode()
    value = seed
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        value ^= _mixed(int.from_bytes(data[start : start + 4], "little"))
        value = (_rotated(value, 13) * 5 + 0xE654_6B64) & MASK
    value ^= _mixed(int.from_bytes(data[whole:], "little"))
    value ^= len(data)
    value = ((value ^ value >> 16) * 0x85EB_CA6B) & MASK
    value = ((value ^ value >> 13) * 0xC2B2_AE35) & MASK
    return value ^ value >> 16


def _mixed(block: int) -> int:
    return (_rotated((block * 0xCC9E_2D51) & MASK, 15) * 0x1B87_3593) & MASK


def _rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & MASK
