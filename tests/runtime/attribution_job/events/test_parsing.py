"""The event contract: each record becomes an event or a dead letter with its reason."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.parsing import parse
from runtime.attribution_job.sources.records import SPARK_SCHEMA, pack
from tests.runtime.attribution_job.events.contract_cases import ACCEPTED_CLICKS, REFUSED_CHECKOUTS, REFUSED_CLICKS
from tests.runtime.attribution_job.events.examples import (
    ARRIVAL,
    CHANGED_CHECKOUTS,
    JSON_VALUES,
    checkout,
    click,
    encode,
    parsed,
    reason,
    records,
    without,
)


def test_valid_events_are_accepted() -> None:
    rows = parsed(CLICK, [encode(event) for event in ACCEPTED_CLICKS.values()])
    assert {name: reason(row) for name, row in zip(ACCEPTED_CLICKS, rows, strict=True) if reason(row)} == {}
    assert {row["click_id"] for row in rows} == {"c1"}


def test_an_accepted_click_keeps_all_values() -> None:
    (row,) = parsed(CLICK, [encode(click)])
    assert row == without(click, "schema_version") | {
        "click_timestamp": datetime(2026, 11, 23, 11, 59, 59, 123000, tzinfo=UTC),
        "arrived_at": ARRIVAL,
        "sequence_number": "0",
        "unknown_fields": 0,
    }


def test_an_accepted_checkout_keeps_all_values() -> None:
    (row,) = parsed(CHECKOUT, [encode(checkout)])
    assert json.loads(row["items"]) == checkout["items"]
    assert (row["total_amount"], row["currency"], row["payment_method"]) == ("19.90", "EUR", "card")


def test_a_numeric_price_of_an_item_is_accepted() -> None:
    (row,) = parsed(CHECKOUT, [encode(checkout | {"items": [{"product_id": 7, "unit_price": 9.95, "colour": "red"}]})])
    assert json.loads(row["items"]) == [{"product_id": "7", "unit_price": "9.95"}]


@pytest.mark.parametrize(("contract", "cases"), [(CLICK, REFUSED_CLICKS), (CHECKOUT, REFUSED_CHECKOUTS)])
def test_invalid_records_are_refused_with_reason_and_bytes(
    contract: Contract, cases: dict[str, tuple[bytes, str]]
) -> None:
    rows = parsed(contract, [data for data, _ in cases.values()])
    assert {name: reason(row) for name, row in zip(cases, rows, strict=True)} == {
        name: expected for name, (_, expected) in cases.items()
    }
    assert [bytes.fromhex(row["data"].removeprefix("\\x")) for row in rows] == [data for data, _ in cases.values()]


def test_unknown_fields_are_dropped_and_counted() -> None:
    rows = parsed(CLICK, [encode(click), encode(click | {"a": 1, "nested": {"user_id": 7}})])
    assert [row["unknown_fields"] for row in rows] == [0, 2]


@given(data=st.lists(st.binary(max_size=60) | JSON_VALUES.map(encode) | CHANGED_CHECKOUTS, max_size=60))
def test_any_bytes_become_an_event_or_a_dead_letter(data: list[bytes]) -> None:
    rows = parsed(CHECKOUT, data)
    assert [int(row["sequence_number"]) for row in rows] == list(range(len(data)))
    assert all(row["checkout_timestamp"] <= ARRIVAL + timedelta(minutes=5) for row in rows if not reason(row))


def test_spark_parses_a_stream_of_records_alike(spark: SparkSession) -> None:
    pages = pack(records([encode(click), b"garbage"]).to_batches()).to_pylist()
    rows = parse(spark.createDataFrame(pages, SPARK_SCHEMA), CLICK).collect()
    (event,) = (row for row in rows if row.event)
    (refused,) = (row for row in rows if row.dead_letter)
    assert (event.user_id, event.event_time, event.event.click_id) == ("u1", event.event.click_timestamp, "c1")
    assert (refused.user_id, refused.event_time) == ("stream 1", datetime(1970, 1, 1))  # noqa: DTZ001
    assert refused.dead_letter.reason == "not JSON"
