"""Records that the event contract accepts or refuses, by the name of the case."""

from typing import Any

from runtime.attribution_job.events.validation import MAX_BYTES
from tests.runtime.attribution_job.events.examples import checkout, click, encode, without

ACCEPTED_CLICKS: dict[str, dict[str, Any]] = {
    "all fields": click,
    "required fields only": {name: click[name] for name in ("click_id", "user_id", "click_timestamp")},
    "null labels": click | {"utm_source": None, "session_id": None, "schema_version": None},
    "an offset instead of Z": click | {"click_timestamp": "2026-11-23T13:59:59.123+02:00"},
    "no fraction": click | {"click_timestamp": "2026-11-23T11:59:59Z"},
    "microseconds": click | {"click_timestamp": "2026-11-23T11:59:59.123456Z"},
    "the epoch": click | {"click_timestamp": "1970-01-01T00:00:00.000Z"},
    "years old": click | {"click_timestamp": "1999-12-31T23:59:59.999Z"},
    "five minutes ahead": click | {"click_timestamp": "2026-11-23T12:05:00.000Z"},
    "a surrogate pair": click | {"session_id": "\U0001f600\U0001f600"},
    "a backslash before ud83d": click | {"session_id": "\\ud83d \\ude00"},
    "a backslash before u0000": click | {"session_id": "\\u0000"},
    "the longest id": click | {"user_id": "ü" * 256},
}
NOT_TEXT = "expected a string"
WRONG_LENGTH = "expected 1 to 256 characters"
NOT_A_TIME = "expected a time like 2026-11-23T09:30:00.000Z"
TOO_FAR_AHEAD = "click_timestamp: more than 5 minutes ahead of its arrival"
REFUSED_CLICKS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON"),
    "text": (b"hello", "not JSON"),
    "half an object": (encode(click)[:-10], "not JSON"),
    "two objects": (encode(click) * 2, "not JSON"),
    "two objects and a comma": (encode(click) + b"," + encode(click), "not JSON"),
    "two objects with brackets between": (encode(click) + b"] [" + encode(click), "not JSON"),
    "a field twice": (b'{"click_id":"a",' + encode(click)[1:], "not JSON"),
    "binary": (bytes(range(128, 256)), "not UTF-8"),
    "broken UTF-8 in a string": (encode(click).replace(b"phone", b"ph\xffne"), "not UTF-8"),
    "a number": (b"1", "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "a list": (encode([click]), "not a JSON object"),
    "an empty object": (b"{}", "click_id: missing"),
    "no user": (encode(without(click, "user_id")), "user_id: missing"),
    "no time": (encode(without(click, "click_timestamp")), "click_timestamp: missing"),
    "null user": (encode(click | {"user_id": None}), f"user_id: {WRONG_LENGTH}"),
    "numeric user": (encode(click | {"user_id": 42}), f"user_id: {NOT_TEXT}"),
    "empty user": (encode(click | {"user_id": ""}), f"user_id: {WRONG_LENGTH}"),
    "user id of 257 characters": (encode(click | {"user_id": "u" * 257}), f"user_id: {WRONG_LENGTH}"),
    "object as label": (encode(click | {"page_url": {"a": 1}}), f"page_url: {NOT_TEXT}"),
    "NUL": (encode(click | {"session_id": "a\0b"}), "contains NUL"),
    "epoch seconds": (encode(click | {"click_timestamp": 1795435199}), f"click_timestamp: {NOT_TEXT}"),
    "epoch milliseconds": (encode(click | {"click_timestamp": 1795435199123}), f"click_timestamp: {NOT_TEXT}"),
    "epoch microseconds": (encode(click | {"click_timestamp": 1795435199123456}), f"click_timestamp: {NOT_TEXT}"),
    "milliseconds as text": (encode(click | {"click_timestamp": "1795435199123"}), f"click_timestamp: {NOT_A_TIME}"),
    "microseconds as text": (encode(click | {"click_timestamp": "1795435199123456"}), f"click_timestamp: {NOT_A_TIME}"),
    "no zone": (encode(click | {"click_timestamp": "2026-11-23T11:59:59"}), f"click_timestamp: {NOT_A_TIME}"),
    "a date": (encode(click | {"click_timestamp": "2026-11-23"}), f"click_timestamp: {NOT_A_TIME}"),
    "30 February": (encode(click | {"click_timestamp": "2026-02-30T00:00:00Z"}), f"click_timestamp: {NOT_A_TIME}"),
    "nanoseconds": (
        encode(click | {"click_timestamp": "2026-11-23T11:59:59.123456789Z"}),
        f"click_timestamp: {NOT_A_TIME}",
    ),
    "a line break": (encode(click | {"click_timestamp": "2026-11-23T11:59:59Z\n"}), f"click_timestamp: {NOT_A_TIME}"),
    "2099": (encode(click | {"click_timestamp": "2099-01-01T00:00:00.000Z"}), TOO_FAR_AHEAD),
    "just too far ahead": (encode(click | {"click_timestamp": "2026-11-23T12:05:00.001Z"}), TOO_FAR_AHEAD),
    "1969": (encode(click | {"click_timestamp": "1969-12-31T23:59:59.999Z"}), "click_timestamp: before 1970"),
    "year zero": (encode(click | {"click_timestamp": "0000-01-01T00:00:00Z"}), f"click_timestamp: {NOT_A_TIME}"),
    "version as text": (encode(click | {"schema_version": "1"}), "schema_version: expected 1"),
    "a high surrogate alone": (b'{"click_id": "c\\ud83d", ' + encode(click)[1:], "contains half a surrogate pair"),
    "a low surrogate alone": (b'{"click_id": "c\\uDE00", ' + encode(click)[1:], "contains half a surrogate pair"),
    "surrogates in wrong order": (b'{"x": "\\ude00\\ud83d", ' + encode(click)[1:], "contains half a surrogate pair"),
    "next version": (encode(click | {"schema_version": 2}), "schema_version: expected 1"),
    "fractional version": (encode(click | {"schema_version": 1.5}), "schema_version: expected 1"),
    "oversized": (encode(click | {"page_url": "x" * MAX_BYTES}), "oversized: more than 1 MiB"),
}  # fmt: skip
NOT_AN_AMOUNT = 'total_amount: expected a decimal string like "19.90"'
NOT_A_CURRENCY = 'currency: expected a currency code like "EUR"'
NOT_ITEMS = "items: expected a list of {product_id, quantity, unit_price}"
REFUSED_CHECKOUTS: dict[str, tuple[bytes, str]] = {
    "no amount": (encode(without(checkout, "total_amount")), "total_amount: missing"),
    "amount as a number": (encode(checkout | {"total_amount": 19.9}), f"total_amount: {NOT_TEXT}"),
    "NaN": (encode(checkout | {"total_amount": "NaN"}), NOT_AN_AMOUNT),
    "bare NaN": (encode(checkout | {"total_amount": float("nan")}), "not JSON"),
    "negative": (encode(checkout | {"total_amount": "-1.00"}), NOT_AN_AMOUNT),
    "three decimals": (encode(checkout | {"total_amount": "1.001"}), NOT_AN_AMOUNT),
    "exponent": (encode(checkout | {"total_amount": "1e9"}), NOT_AN_AMOUNT),
    "too large": (encode(checkout | {"total_amount": "12345678901.00"}), NOT_AN_AMOUNT),
    "no currency": (encode(without(checkout, "currency")), "currency: missing"),
    "currency sign": (encode(checkout | {"currency": "€"}), NOT_A_CURRENCY),
    "currency and a line break": (encode(checkout | {"currency": "EUR\n"}), NOT_A_CURRENCY),
    "items as text": (encode(checkout | {"items": "p1"}), NOT_ITEMS),
    "items of text": (encode(checkout | {"items": ["p1"]}), NOT_ITEMS),
    "NUL in an item": (encode(checkout | {"items": [{"product_id": "\0"}]}), "contains NUL"),
}
