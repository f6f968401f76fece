import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.parsing import parse, read
from runtime.attribution_job.events.plain import plain
from runtime.attribution_job.events.schemas import TIME
from runtime.attribution_job.events.validation import MOST_BYTES
from runtime.attribution_job.sources.kinesis import SCHEMA

ARRIVAL = datetime(2026, 11, 23, 12, tzinfo=UTC)
click: dict[str, Any] = {
    "click_id": "c1",
    "user_id": "u1",
    "session_id": "s1",
    "product_id": "p1",
    "page_url": "https://shop.example/p1",
    "utm_source": "news",
    "utm_medium": "email",
    "utm_campaign": "spring",
    "device_type": "phone",
    "click_timestamp": "2026-11-23T11:59:59.123Z",
    "schema_version": 1,
}
checkout: dict[str, Any] = {
    "checkout_id": "k1",
    "user_id": "u1",
    "session_id": "s1",
    "items": [{"product_id": "p1", "quantity": 2, "unit_price": "9.95"}],
    "total_amount": "19.90",
    "currency": "EUR",
    "payment_method": "card",
    "checkout_timestamp": "2026-11-23T11:59:59.123Z",
    "schema_version": 1,
}


def parsed(contract: Contract, data: Sequence[bytes]) -> list[dict[str, Any]]:
    """What became of each record: its event, or its dead letter."""
    records = pa.table(
        {
            "data": pa.array(data, pa.binary()),
            "streamName": ["stream"] * len(data),
            "partitionKey": ["key"] * len(data),
            "sequenceNumber": [str(number) for number in range(len(data))],
            "approximateArrivalTimestamp": pa.array([ARRIVAL] * len(data), TIME),
        }
    )
    events, dead_letters = read(records, contract)
    rows = [*events.to_pylist(), *dead_letters.to_pylist()]
    return sorted(rows, key=lambda row: int(row["sequence_number"]))


def reason(row: dict[str, Any]) -> str | None:
    return row.get("reason")


def encode(event: Any) -> bytes:
    return json.dumps(event).encode()


def without(event: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in fields}


ACCEPTED_CLICKS: dict[str, dict[str, Any]] = {
    "as agreed": click,
    "only what is required": {name: click[name] for name in ("click_id", "user_id", "click_timestamp")},
    "nulls for labels": click | {"utm_source": None, "session_id": None, "schema_version": None},
    "an offset instead of Z": click | {"click_timestamp": "2026-11-23T13:59:59.123+02:00"},
    "no fraction": click | {"click_timestamp": "2026-11-23T11:59:59Z"},
    "microseconds": click | {"click_timestamp": "2026-11-23T11:59:59.123456Z"},
    "the first moment": click | {"click_timestamp": "1970-01-01T00:00:00.000Z"},
    "years old": click | {"click_timestamp": "1999-12-31T23:59:59.999Z"},
    "five minutes ahead": click | {"click_timestamp": "2026-11-23T12:05:00.000Z"},
    "a surrogate pair": click | {"session_id": "\U0001f600\U0001f600"},
    "a backslash before ud83d": click | {"session_id": "\\ud83d \\ude00"},
    "a backslash before u0000": click | {"session_id": "\\u0000"},
    "the longest id": click | {"user_id": "ü" * 256},
}
STRING = "expected a string"
ID_LENGTH = "expected 1 to 256 characters"
NO_TIME = "expected a time like 2026-11-23T09:30:00.000Z"
AHEAD = "click_timestamp: more than 5 minutes ahead of its arrival"
REFUSED_CLICKS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not JSON"),
    "text": (b"hello", "not JSON"),
    "half an object": (encode(click)[:-10], "not JSON"),
    "two objects": (encode(click) * 2, "not JSON"),
    "two objects and a comma": (encode(click) + b"," + encode(click), "not JSON"),
    "two lists' worth": (encode(click) + b"] [" + encode(click), "not JSON"),
    "a field twice": (b'{"click_id":"a",' + encode(click)[1:], "not JSON"),
    "binary": (bytes(range(128, 256)), "not UTF-8"),
    "broken UTF-8 in a string": (encode(click).replace(b"phone", b"ph\xffne"), "not UTF-8"),
    "a number": (b"1", "not a JSON object"),
    "null": (b"null", "not a JSON object"),
    "a list": (encode([click]), "not a JSON object"),
    "another document": (b"{}", "click_id: missing"),
    "no user": (encode(without(click, "user_id")), "user_id: missing"),
    "no time": (encode(without(click, "click_timestamp")), "click_timestamp: missing"),
    "null user": (encode(click | {"user_id": None}), f"user_id: {ID_LENGTH}"),
    "numeric user": (encode(click | {"user_id": 42}), f"user_id: {STRING}"),
    "empty user": (encode(click | {"user_id": ""}), f"user_id: {ID_LENGTH}"),
    "endless user": (encode(click | {"user_id": "u" * 257}), f"user_id: {ID_LENGTH}"),
    "object as label": (encode(click | {"page_url": {"a": 1}}), f"page_url: {STRING}"),
    "NUL": (encode(click | {"session_id": "a\0b"}), "contains NUL"),
    "epoch seconds": (encode(click | {"click_timestamp": 1795435199}), f"click_timestamp: {STRING}"),
    "epoch milliseconds": (encode(click | {"click_timestamp": 1795435199123}), f"click_timestamp: {STRING}"),
    "epoch microseconds": (encode(click | {"click_timestamp": 1795435199123456}), f"click_timestamp: {STRING}"),
    "milliseconds as text": (encode(click | {"click_timestamp": "1795435199123"}), f"click_timestamp: {NO_TIME}"),
    "microseconds as text": (encode(click | {"click_timestamp": "1795435199123456"}), f"click_timestamp: {NO_TIME}"),
    "no zone": (encode(click | {"click_timestamp": "2026-11-23T11:59:59"}), f"click_timestamp: {NO_TIME}"),
    "a date": (encode(click | {"click_timestamp": "2026-11-23"}), f"click_timestamp: {NO_TIME}"),
    "30 February": (encode(click | {"click_timestamp": "2026-02-30T00:00:00Z"}), f"click_timestamp: {NO_TIME}"),
    "nanoseconds": (
        encode(click | {"click_timestamp": "2026-11-23T11:59:59.123456789Z"}),
        f"click_timestamp: {NO_TIME}",
    ),
    "a line break": (encode(click | {"click_timestamp": "2026-11-23T11:59:59Z\n"}), f"click_timestamp: {NO_TIME}"),
    "2099": (encode(click | {"click_timestamp": "2099-01-01T00:00:00.000Z"}), AHEAD),
    "just too far ahead": (encode(click | {"click_timestamp": "2026-11-23T12:05:00.001Z"}), AHEAD),
    "1969": (encode(click | {"click_timestamp": "1969-12-31T23:59:59.999Z"}), "click_timestamp: before 1970"),
    "year zero": (encode(click | {"click_timestamp": "0000-01-01T00:00:00Z"}), f"click_timestamp: {NO_TIME}"),
    "version as text": (encode(click | {"schema_version": "1"}), "schema_version: expected 1"),
    "half a pair": (b'{"click_id": "c\\ud83d", ' + encode(click)[1:], "contains half a surrogate pair"),
    "the other half": (b'{"click_id": "c\\uDE00", ' + encode(click)[1:], "contains half a surrogate pair"),
    "halves the wrong way": (b'{"x": "\\ude00\\ud83d", ' + encode(click)[1:], "contains half a surrogate pair"),
    "next version": (encode(click | {"schema_version": 2}), "schema_version: expected 1"),
    "version one and a bit": (encode(click | {"schema_version": 1.5}), "schema_version: expected 1"),
    "oversized": (encode(click | {"page_url": "x" * MOST_BYTES}), "oversized: more than 1 MiB"),
}  # fmt: skip
AMOUNT = 'total_amount: expected a decimal string like "19.90"'
CURRENCY = 'currency: expected a currency code like "EUR"'
ITEMS = "items: expected a list of {product_id, quantity, unit_price}"
REFUSED_CHECKOUTS: dict[str, tuple[bytes, str]] = {
    "no amount": (encode(without(checkout, "total_amount")), "total_amount: missing"),
    "amount as a number": (encode(checkout | {"total_amount": 19.9}), f"total_amount: {STRING}"),
    "NaN": (encode(checkout | {"total_amount": "NaN"}), AMOUNT),
    "bare NaN": (encode(checkout | {"total_amount": float("nan")}), "not JSON"),
    "negative": (encode(checkout | {"total_amount": "-1.00"}), AMOUNT),
    "three decimals": (encode(checkout | {"total_amount": "1.001"}), AMOUNT),
    "exponent": (encode(checkout | {"total_amount": "1e9"}), AMOUNT),
    "too large": (encode(checkout | {"total_amount": "12345678901.00"}), AMOUNT),
    "no currency": (encode(without(checkout, "currency")), "currency: missing"),
    "currency sign": (encode(checkout | {"currency": "€"}), CURRENCY),
    "currency and a line break": (encode(checkout | {"currency": "EUR\n"}), CURRENCY),
    "items as text": (encode(checkout | {"items": "p1"}), ITEMS),
    "items of text": (encode(checkout | {"items": ["p1"]}), ITEMS),
    "NUL in an item": (encode(checkout | {"items": [{"product_id": "\0"}]}), "contains NUL"),
}


def test_events_that_keep_the_contract_are_accepted() -> None:
    rows = parsed(CLICK, [encode(event) for event in ACCEPTED_CLICKS.values()])
    assert {name: reason(row) for name, row in zip(ACCEPTED_CLICKS, rows, strict=True) if reason(row)} == {}
    assert {row["click_id"] for row in rows} == {"c1"}


def test_an_accepted_click_has_all_of_its_values() -> None:
    (row,) = parsed(CLICK, [encode(click)])
    assert row == without(click, "schema_version") | {
        "click_timestamp": datetime(2026, 11, 23, 11, 59, 59, 123000, tzinfo=UTC),
        "arrived_at": ARRIVAL,
        "sequence_number": "0",
        "unknown_fields": 0,
    }


def test_an_accepted_checkout_has_all_of_its_values() -> None:
    (row,) = parsed(CHECKOUT, [encode(checkout)])
    assert json.loads(row["items"]) == checkout["items"]
    assert (row["total_amount"], row["currency"], row["payment_method"]) == ("19.90", "EUR", "card")


def test_a_price_that_is_a_number_is_no_reason_to_refuse_a_sale() -> None:
    (row,) = parsed(CHECKOUT, [encode(checkout | {"items": [{"product_id": 7, "unit_price": 9.95, "colour": "red"}]})])
    assert json.loads(row["items"]) == [{"product_id": "7", "unit_price": "9.95"}]


@pytest.mark.parametrize(("contract", "cases"), [(CLICK, REFUSED_CLICKS), (CHECKOUT, REFUSED_CHECKOUTS)])
def test_what_breaks_the_contract_is_refused_with_its_reason_and_bytes(
    contract: Contract, cases: dict[str, tuple[bytes, str]]
) -> None:
    rows = parsed(contract, [data for data, _ in cases.values()])
    assert {name: reason(row) for name, row in zip(cases, rows, strict=True)} == {
        name: expected for name, (_, expected) in cases.items()
    }
    assert [bytes.fromhex(row["data"].removeprefix("\\x")) for row in rows] == [data for data, _ in cases.values()]


def test_unknown_fields_are_kept_out_and_counted() -> None:
    rows = parsed(CLICK, [encode(click), encode(click | {"a": 1, "nested": {"user_id": 7}})])
    assert [row["unknown_fields"] for row in rows] == [0, 2]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*checkout, "x"]), inner, max_size=4),
    max_leaves=8,
)
ALMOST = st.dictionaries(st.sampled_from([*checkout]), JSON, max_size=3).map(lambda changes: encode(checkout | changes))


def compact(event: Any) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")


@given(data=st.lists(JSON.map(encode) | ALMOST | ALMOST.map(json.loads).map(compact), max_size=60))
def test_the_short_way_for_plain_events_finds_what_the_long_way_finds(data: list[bytes]) -> None:
    events = [*data, encode(checkout), compact(checkout)]
    # A blank before it makes an event one that is not plain.
    assert parsed(CHECKOUT, events) == [
        row | ({"data": row["data"].replace("\\x20", "\\x", 1)} if reason(row) else {})
        for row in parsed(CHECKOUT, [b" " + event for event in events])
    ]


@pytest.mark.parametrize(
    "odd", [b'{"checkout_id": "a", ' + encode(checkout)[1:], compact(checkout).replace(b"card", b"c\xffrd")]
)
def test_one_event_that_only_looks_plain_changes_nothing_for_the_others(odd: bytes) -> None:
    first, second, third = parsed(CHECKOUT, [encode(checkout), odd, compact(checkout)])
    assert (reason(first), reason(third)) == (None, None)
    assert reason(second) in {"not JSON", "not UTF-8"}


def test_what_the_generator_and_common_encoders_send_is_plain() -> None:
    is_plain = [
        re.search(plain(CHECKOUT).replace("\\z", "$").encode(), event)
        for event in (encode(checkout), compact(checkout))
    ]
    assert all(is_plain)


@given(data=st.lists(st.binary(max_size=60) | JSON.map(encode) | ALMOST, max_size=60))
def test_any_bytes_are_either_an_event_or_a_dead_letter(data: list[bytes]) -> None:
    rows = parsed(CHECKOUT, data)
    assert [int(row["sequence_number"]) for row in rows] == list(range(len(data)))
    assert all(row["checkout_timestamp"] <= ARRIVAL + timedelta(minutes=5) for row in rows if not reason(row))


def test_spark_reads_the_same(spark: SparkSession) -> None:
    records = [(data, "stream", "key", str(number), ARRIVAL) for number, data in enumerate((encode(click), b"garbage"))]
    rows = parse(spark.createDataFrame(records, SCHEMA), CLICK).collect()
    (event,) = (row for row in rows if row.event)
    (refused,) = (row for row in rows if row.dead_letter)
    assert (event.user_id, event.event_time, event.event.click_id) == ("u1", event.event.click_timestamp, "c1")
    assert (refused.user_id, refused.event_time) == ("stream 1", datetime(1970, 1, 1))  # noqa: DTZ001
    assert refused.dead_letter.reason == "not JSON"
