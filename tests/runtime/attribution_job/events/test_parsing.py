"""The event contract: each record becomes events or dead letters with their reasons."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, REFUND, Contract
from runtime.attribution_job.events.parsing import read
from runtime.attribution_job.events.schemas import DEAD_LETTER, event_schema
from tests.runtime.attribution_job.events.contract_cases import (
    ACCEPTED_CHECKOUTS,
    ACCEPTED_CLICKS,
    REFUSED_CHECKOUTS,
    REFUSED_CLICKS,
    nested,
)
from tests.runtime.attribution_job.events.examples import (
    ARRIVAL,
    CHANGED_CHECKOUTS,
    JSON_VALUES,
    checkout,
    click,
    encode,
    full_checkout,
    full_click,
    parsed,
    reason,
    records,
    refund,
    without,
)

NOON = datetime(2026, 11, 23, 11, 59, 59, 123000, tzinfo=UTC)
RECORD = {
    "arrived_at": ARRIVAL, "sequence_number": "0", "record_index": 0, "unknown_fields": 0, "unknown_names": None,
}  # fmt: skip
UNREPAIRED = {"stated_timestamp": None, "repairs": None}


@pytest.mark.parametrize(("contract", "cases"), [(CLICK, ACCEPTED_CLICKS), (CHECKOUT, ACCEPTED_CHECKOUTS)])
def test_valid_events_are_accepted(contract: Contract, cases: dict[str, dict[str, Any]]) -> None:
    rows = parsed(contract, [encode(event) for event in cases.values()])
    assert {name: reason(row) for name, row in zip(cases, rows, strict=True) if reason(row)} == {}
    assert {row[contract.id] for row in rows} == {"c1" if contract is CLICK else "k1"}


def test_an_accepted_click_keeps_all_values() -> None:
    (row,) = parsed(CLICK, [encode(full_click)])
    stored = without(full_click, "schema_version", "user_agent", "sent_at") | {"click_timestamp": NOON}
    assert row == stored | UNREPAIRED | RECORD


def test_an_accepted_checkout_keeps_all_values() -> None:
    (row,) = parsed(CHECKOUT, [encode(full_checkout)])
    assert json.loads(row.pop("items")) == checkout["items"]
    stored = without(full_checkout, "schema_version", "items", "sent_at") | {"checkout_timestamp": NOON}
    assert row == stored | UNREPAIRED | RECORD


def test_an_accepted_refund_keeps_all_values() -> None:
    (row,) = parsed(CHECKOUT, [encode(refund)])
    assert row == refund | {"refund_timestamp": NOON} | UNREPAIRED | RECORD
    assert read(records([encode(refund)]), CHECKOUT).refund.num_rows == 1


def test_a_refund_is_no_event_of_the_clicks_stream() -> None:
    (row,) = parsed(CLICK, [encode(click | {"refund_id": "r1"})])
    assert (row["click_id"], row["unknown_fields"]) == ("c1", 1)


@pytest.mark.parametrize(("contract", "cases"), [(CLICK, REFUSED_CLICKS), (CHECKOUT, REFUSED_CHECKOUTS)])
def test_invalid_records_are_refused_with_reason_and_bytes(
    contract: Contract, cases: dict[str, tuple[bytes, str]]
) -> None:
    rows = parsed(contract, [data for data, _ in cases.values()])
    assert {name: reason(row) for name, row in zip(cases, rows, strict=True)} == {
        name: expected for name, (_, expected) in cases.items()
    }
    assert [bytes.fromhex(row["data"].removeprefix("\\x")) for row in rows] == [data for data, _ in cases.values()]


def test_the_deepest_nesting_is_accepted() -> None:
    (row,) = parsed(CLICK, [nested(100)])
    assert reason(row) is None


def test_unknown_fields_are_dropped_and_counted() -> None:
    repeated = b'{"a": 1, "a": 2,' + encode(click)[1:]
    rows = parsed(CLICK, [encode(click), encode(click | {"a": 1, "nested": {"user_id": 7}}), repeated])
    assert [(row["unknown_fields"], row["repairs"]) for row in rows] == [(0, None), (2, None), (1, None)]


def test_unknown_fields_are_named_without_names_that_could_be_data_of_people() -> None:
    named = {"coupon_code": 1, "utm.term": 2, "_fbp": 3}
    strange = {"jane@example.org": 1, "491511234567": 2, "a b": 3, "x" * 64: 4, "": 5, "naïve": 6, "a,b": 7}
    many = {f"field_{number:02}": number for number in range(50)}
    rows = parsed(CLICK, [encode(click), *(encode(click | fields) for fields in (named, strange, many))])
    assert [row["unknown_names"] for row in rows] == [
        None, "_fbp,coupon_code,utm.term", "(other)", ",".join(sorted(many)[:20]),
    ]  # fmt: skip


def test_a_label_that_comes_twice_is_unusable() -> None:
    (row,) = parsed(CLICK, [b'{"session_id": "s0",' + encode(click)[1:]])
    assert (row["click_id"], row["session_id"], row["repairs"]) == ("c1", None, "{unusable_fields}")


def test_repairs_are_an_array_in_the_text_form_of_postgresql() -> None:
    (row,) = parsed(CHECKOUT, [encode(checkout | {"user_id": 7, "currency": "eur", "total_amount": 19.9})])
    assert row["repairs"] == "{amount_from_number,currency_spelling,number_as_id}"


def test_records_without_an_event_are_counted_as_ignored() -> None:
    rows = parsed(CLICK, [b"", b" \n", b"[]"])
    assert [(reason(row), row["sequence_number"], row["record_index"]) for row in rows] == [
        (None, "0", 0), (None, "1", 0), (None, "2", 0),
    ]  # fmt: skip
    assert read(records([b""]), CLICK).dead_letter.num_rows == 1


def test_all_tables_are_there_without_any_record() -> None:
    tables = read(records([]), CLICK)
    schemas = [event_schema(CLICK), event_schema(CHECKOUT), event_schema(REFUND), DEAD_LETTER]
    assert [table.schema for table in tables] == schemas


def assert_complete(rows: Sequence[dict[str, Any]], count: int) -> None:
    """Asserts that each record has one row with each index from 0."""
    indexes: dict[int, list[int]] = {number: [] for number in range(count)}
    for row in rows:
        indexes[int(row["sequence_number"])].append(row["record_index"])
    assert all(record and record == list(range(len(record))) for record in indexes.values())


@settings(deadline=None)
@given(data=st.lists(st.binary(max_size=60) | JSON_VALUES.map(encode) | CHANGED_CHECKOUTS, max_size=60))
def test_any_bytes_become_events_or_dead_letters(data: list[bytes]) -> None:
    rows = parsed(CHECKOUT, [*data, b"\n".join(data)])
    assert_complete(rows, len(data) + 1)
    times = [row.get("checkout_timestamp") or row.get("refund_timestamp") for row in rows]
    assert all(time <= ARRIVAL + timedelta(minutes=5) for time in times if time)
