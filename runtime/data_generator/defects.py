"""Malformed records. Each has exactly one defect for which a consumer must refuse it, and gives one refusal."""

import random
from collections.abc import Callable

from runtime.data_generator.events import AMOUNT_FIELD, ID_FIELD, TIMESTAMP_FIELD, Event, Kind, encode
from runtime.data_generator.framing import gzipped, kpl

# Consumers refuse an event that lacks one of these fields. All other fields are optional.
REQUIRED: dict[Kind, tuple[str, ...]] = {
    "click": ("click_id", "user_id", "click_timestamp"),
    "checkout": ("checkout_id", "user_id", "total_amount", "currency", "checkout_timestamp"),
    "refund": ("checkout_id", "user_id", "amount", "currency", "refund_timestamp"),
}
# Each of them would unite strangers.
PLACEHOLDERS = ("undefined", "null", "anonymous", "guest", "0", "00000000-0000-0000-0000-000000000000")


def _truncated(_kind: Kind, event: Event, rng: random.Random) -> bytes:
    data = encode(event)
    return data[: rng.randrange(1, len(data))]


def _missing_field(kind: Kind, event: Event, rng: random.Random) -> bytes:
    missing = rng.choice(REQUIRED[kind])
    return encode({name: value for name, value in event.items() if name != missing})


def _placeholder_user(_kind: Kind, event: Event, rng: random.Random) -> bytes:
    return encode(event | {"user_id": rng.choice(PLACEHOLDERS)})


def _no_zone(kind: Kind, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {TIMESTAMP_FIELD[kind]: "2026-05-05 10:04:59"})


def _no_such_time(kind: Kind, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {TIMESTAMP_FIELD[kind]: "2026-02-30T10:04:59.000Z"})


def _repeated_field(kind: Kind, event: Event, _rng: random.Random) -> bytes:
    """Repeats the amount, or the time of a click. Nobody can tell which of the two was meant."""
    field = AMOUNT_FIELD.get(kind, TIMESTAMP_FIELD[kind])
    return encode(event)[:-1] + b"," + encode({field: event[field]})[1:]


def _other_version(_kind: Kind, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {"schema_version": 2})


def _not_utf8(kind: Kind, event: Event, _rng: random.Random) -> bytes:
    start = b'"%s":"' % ID_FIELD[kind].encode()
    return encode(event).replace(start, start + b"\xff\xfe", 1)


def _cut_gzip(_kind: Kind, event: Event, rng: random.Random) -> bytes:
    # The last eight bytes are the checksum and the length.
    return gzipped([encode(event)])[: -rng.randint(1, 8)]


def _wrong_digest(_kind: Kind, event: Event, _rng: random.Random) -> bytes:
    data = kpl([encode(event)], str(event["user_id"]))
    return data[:-1] + bytes([data[-1] ^ 1])


def _amount_nan(kind: Kind, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {AMOUNT_FIELD[kind]: "NaN"})


def _thousands_separator(kind: Kind, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {AMOUNT_FIELD[kind]: "1,234.50"})


def _negative_amount(kind: Kind, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {AMOUNT_FIELD[kind]: "-12.50"})


def _unknown_currency(_kind: Kind, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {"currency": "EURO"})


EncodeWithDefect = Callable[[Kind, Event, random.Random], bytes]
_ALWAYS: dict[str, EncodeWithDefect] = {
    "truncated": _truncated,
    "missing_field": _missing_field,
    "placeholder_user": _placeholder_user,
    "no_zone": _no_zone,
    "no_such_time": _no_such_time,
    "repeated_field": _repeated_field,
    "other_version": _other_version,
    "not_utf8": _not_utf8,
    "cut_gzip": _cut_gzip,
    "wrong_digest": _wrong_digest,
}
_OF_AMOUNTS: dict[str, EncodeWithDefect] = {
    "amount_nan": _amount_nan,
    "thousands_separator": _thousands_separator,
    "negative_amount": _negative_amount,
    "unknown_currency": _unknown_currency,
}
DEFECTS: dict[Kind, dict[str, EncodeWithDefect]] = {
    "click": _ALWAYS,
    "checkout": _ALWAYS | _OF_AMOUNTS,
    "refund": _ALWAYS | _OF_AMOUNTS,
}


def encode_with_random_defect(kind: Kind, event: Event, rng: random.Random) -> tuple[str, bytes]:
    """Returns the name of a random defect of DEFECTS[kind], and the event's bytes with that defect."""
    name, encode_defect = rng.choice(list(DEFECTS[kind].items()))
    return name, encode_defect(kind, event, rng)
