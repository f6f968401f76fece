"""Records that the event contract accepts or refuses, by the name of the case. `values/` has those of single values."""

from typing import Any

from runtime.attribution_job.events.validation import MAX_BYTES, MAX_DEPTH
from tests.runtime.attribution_job.events.examples import (
    checkout,
    click,
    encode,
    full_checkout,
    full_click,
    refund,
    without,
)

ACCEPTED_CLICKS: dict[str, dict[str, Any]] = {
    "common fields": click,
    "all fields": full_click,
    "required fields only": {name: click[name] for name in ("click_id", "user_id", "click_timestamp")},
    "null labels": click | {"utm_source": None, "session_id": None, "schema_version": None},
    "an offset instead of Z": click | {"click_timestamp": "2026-11-23T13:59:59.123+02:00"},
    "the epoch": click | {"click_timestamp": "1970-01-01T00:00:00.000Z"},
    "years old": click | {"click_timestamp": "1999-12-31T23:59:59.999Z"},
    "2099": click | {"click_timestamp": "2099-01-01T00:00:00.000Z"},
    "a surrogate pair": click | {"session_id": "\U0001f600\U0001f600"},
    "half a surrogate pair": click | {"session_id": "\ud83d"},
    "NUL": click | {"session_id": "a\0b"},
    "NaN in an unknown field": click | {"score": float("nan")},
    "the longest id": click | {"user_id": "ü" * 256},
    "a numeric id": click | {"user_id": 42},
    "object as label": click | {"page_url": {"a": 1}},
    "the deepest object": click | {"x": [[[]]], "page_url": {"a": {"b": {}}}},
    "many lists": click | {"x": [[]] * 500, "text": "[" * 500},
}


def nested(levels: int) -> bytes:
    """Returns a click in which lists are nested to this depth."""
    return encode(click)[:-1] + b', "x": ' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


REFUSED_CLICKS: dict[str, tuple[bytes, str]] = {
    "text": (b"hello", "not JSON"),
    "half an object": (encode(click)[:-10], "not JSON"),
    "single quotes": (encode(click).replace(b'"', b"'"), "not JSON"),
    "a required field twice": (b'{"click_id":"a",' + encode(click)[1:], "a field twice: click_id"),
    "a required field twice, once with an escape": (
        b'{"\\u0075ser_id":"a",' + encode(click)[1:],
        "a field twice: user_id",
    ),
    "broken UTF-8 in a string": (encode(click).replace(b"phone", b"ph\xffne"), "not UTF-8"),
    "Latin-1": (encode(click).replace(b"spring", b"\xfcber"), "not UTF-8"),
    "a number": (b"1", "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "an empty object": (b"{}", "click_id: missing"),
    "no user": (encode(without(click, "user_id")), "user_id: missing"),
    "no time": (encode(without(click, "click_timestamp")), "click_timestamp: missing"),
    "another kind of event": (encode(checkout), "click_id: missing"),
    "oversized": (encode(click | {"page_url": "x" * MAX_BYTES}), "oversized: more than 1 MiB"),
    "nested too deeply": (nested(MAX_DEPTH + 1), "JSON nested more than 100 deep"),
    "nested much too deeply": (nested(100_000), "JSON nested more than 100 deep"),
}
ACCEPTED_CHECKOUTS: dict[str, dict[str, Any]] = {
    "common fields": checkout,
    "all fields": full_checkout,
    "required fields only": without(checkout, "session_id", "items", "payment_method", "schema_version"),
    "no refund": checkout | {"refund_id": None},
    "items as text": checkout | {"items": "p1"},
    "an amount as a number": checkout | {"total_amount": 19.9},
}
REFUSED_CHECKOUTS: dict[str, tuple[bytes, str]] = {
    "no amount": (encode(without(checkout, "total_amount")), "total_amount: missing"),
    "no currency": (encode(without(checkout, "currency")), "currency: missing"),
    "an amount twice": (b'{"total_amount": "1.00",' + encode(checkout)[1:], "a field twice: total_amount"),
    "bare NaN": (encode(checkout | {"total_amount": float("nan")}), "total_amount: not a number"),
    "negative": (encode(checkout | {"total_amount": "-1.00"}), "total_amount: negative: send a refund"),
    "a refund without its checkout": (encode(without(refund, "checkout_id")), "checkout_id: missing"),
    "a refund without its amount": (encode(without(refund, "amount")), "amount: missing"),
    "a refund without its time": (
        encode(without(refund, "refund_timestamp") | {"checkout_timestamp": "2026-11-23T11:00:00Z"}),
        "refund_timestamp: missing",
    ),
}
