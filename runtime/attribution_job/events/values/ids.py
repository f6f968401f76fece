"""Ids: the texts by which events, users and orders are told apart."""

import math
import re
import unicodedata
from decimal import Decimal
from typing import Any

from runtime.attribution_job.events.values import RefusedError, Repairs, require
from runtime.attribution_job.events.values.labels import LONE_SURROGATE, NUL
from runtime.attribution_job.events.values.numbers import whole

# Kinesis allows 256 characters in a partition key. They fit into a B-tree key of PostgreSQL (2,704 bytes).
MAX_CHARACTERS = 256
TOO_LONG = f"{{}}: longer than {MAX_CHARACTERS} characters"
# Texts that stand for "no id". Taken as an id, each of them would unite strangers.
PLACEHOLDERS = frozenset(
    (
        "null", "undefined", "none", "nan", "unknown", "anonymous", "guest", "0", "-1",
        "00000000-0000-0000-0000-000000000000", "0" * 32,
    )
)  # fmt: skip
UUID = r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"
_UUID = re.compile(UUID)


def read_id(value: Any, field: str, repairs: Repairs) -> str:
    """Returns an id: trimmed, in Unicode's composed form, and in lower case if it is a UUID.

    Raises:
        RefusedError: the id is missing, empty, too long, a placeholder, or neither a text nor a whole number.
    """
    if value is None:
        raise RefusedError(f"{field}: missing")
    text = value if isinstance(value, str) else _digits(value, field, repairs)
    trimmed = text.strip()
    if trimmed != text:
        repairs.add("trimmed_id")
    if not (trimmed.isascii() and trimmed.isprintable()):
        trimmed = _compose(trimmed, field, repairs)
    if _UUID.fullmatch(trimmed) and trimmed != trimmed.lower():
        repairs.add("lower_case_uuid")
        trimmed = trimmed.lower()
    if not trimmed:
        raise RefusedError(f"{field}: empty")
    if trimmed.casefold() in PLACEHOLDERS:
        raise RefusedError(f"{field}: a placeholder")
    if len(trimmed) > MAX_CHARACTERS:
        raise RefusedError(TOO_LONG.format(field))
    return trimmed


def _compose(text: str, field: str, repairs: Repairs) -> str:
    """Returns a text in Unicode's composed form (NFC)."""
    require(not NUL.search(text), f"{field}: contains NUL")
    require(not LONE_SURROGATE.search(text), f"{field}: contains half a surrogate pair")
    # Composing takes quadratic time, and makes a text at most four times shorter.
    require(len(text) <= 4 * MAX_CHARACTERS, TOO_LONG.format(field))
    composed = unicodedata.normalize("NFC", text)
    if composed != text:
        repairs.add("normalized_id")
    return composed


def _digits(value: Any, field: str, repairs: Repairs) -> str:
    """Returns the digits of a whole number."""
    # A float is NaN or an infinity. pandas writes NaN for a missing id.
    require(not isinstance(value, float) or not math.isnan(value), f"{field}: a placeholder")
    number = whole(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    if number is None:
        raise RefusedError(f"{field}: expected a text or a whole number")
    repairs.add("number_as_id")
    return str(number)
