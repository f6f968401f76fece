"""Malformed records. Each has exactly one defect that a consumer must refuse."""

import random
from collections.abc import Callable

from runtime.data_generator.events import TIMESTAMP_FIELD, Event, Stream, encode

# Consumers refuse an event that lacks one of these fields. All other fields are optional.
REQUIRED: dict[Stream, tuple[str, ...]] = {
    "clicks": ("click_id", "user_id", "click_timestamp"),
    "checkouts": ("checkout_id", "user_id", "total_amount", "currency", "checkout_timestamp"),
}


def _truncated(_stream: Stream, event: Event, rng: random.Random) -> bytes:
    data = encode(event)
    return data[: rng.randrange(1, len(data))]


def _missing_field(stream: Stream, event: Event, rng: random.Random) -> bytes:
    missing = rng.choice(REQUIRED[stream])
    return encode({name: value for name, value in event.items() if name != missing})


def _numeric_user(_stream: Stream, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {"user_id": 42})


def _far_future(stream: Stream, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {TIMESTAMP_FIELD[stream]: "2099-12-31T23:59:59.999Z"})


def _not_utf8(_stream: Stream, event: Event, _rng: random.Random) -> bytes:
    return encode(event).replace(b'"session_id":"', b'"session_id":"\xff\xfe', 1)


def _items_text(_stream: Stream, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {"items": "product-0001"})


def _amount_nan(_stream: Stream, event: Event, _rng: random.Random) -> bytes:
    return encode(event | {"total_amount": "NaN"})


EncodeWithDefect = Callable[[Stream, Event, random.Random], bytes]
_SHARED_DEFECTS: dict[str, EncodeWithDefect] = {
    "truncated": _truncated,
    "missing_field": _missing_field,
    "numeric_user": _numeric_user,
    "far_future": _far_future,
    "not_utf8": _not_utf8,
}
DEFECTS: dict[Stream, dict[str, EncodeWithDefect]] = {
    "clicks": _SHARED_DEFECTS,
    "checkouts": _SHARED_DEFECTS | {"items_text": _items_text, "amount_nan": _amount_nan},
}


def encode_with_random_defect(stream: Stream, event: Event, rng: random.Random) -> tuple[str, bytes]:
    """Returns the name of a random defect of DEFECTS[stream], and the event's bytes with that defect."""
    name, encode_defect = rng.choice(list(DEFECTS[stream].items()))
    return name, encode_defect(stream, event, rng)
