"""Events that reuse an id with other content."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.attribution_job.sink.rows import checkout_row, click_row, event_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = str(uuid4())
CLICK, CHECKOUT, REFUND = Click(NOON, "c", "u"), Checkout(NOON, "k", "u"), Refund(NOON, "r", "k")
OTHERS: dict[str, tuple[Event, Event]] = {
    "click": (CLICK, replace(CLICK, user_id="v")),
    "time": (CLICK, replace(CLICK, click_timestamp=NOON + MINUTE)),
    "robot": (CLICK, replace(CLICK, is_bot=True)),
    "checkout": (CHECKOUT, replace(CHECKOUT, amount="1.51")),
    "payment": (CHECKOUT, replace(CHECKOUT, payment_method="card")),
    "test": (CHECKOUT, replace(CHECKOUT, test=True)),
    "refund": (REFUND, replace(REFUND, amount="2")),
}


def conflicts(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("select content, sequence_number, record_index from conflicts order by 2, 3").fetchall()


@pytest.mark.parametrize("events", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("batches", [1, 2])
def test_the_other_event_is_kept_once(
    sink: PostgresSink,
    migrated: psycopg.Connection,
    events: tuple[Event, Event],
    batches: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [event_row(event, sequence=number, arrived_at=NOON) for number, event in enumerate(events)]
    copies = [event_row(event, sequence=number, arrived_at=NOON) for number, event in enumerate(events * 2, start=2)]
    batch_rows = [rows] if batches == 1 else [rows[:1], rows[1:]]
    counts = [
        sink.write(table(*batch), query_id=QUERY, batch_id=batch_id)
        for batch_id, batch in enumerate([*batch_rows, copies])
    ]
    assert sum(batch.conflicts for batch in counts) == 1
    assert [row[1:] for row in conflicts(migrated)] == [("1", 0)]
    assert caplog.text.count("different content") == 1


def test_the_content_of_a_conflict_is_the_event_as_read(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    other = checkout_row(replace(CHECKOUT, amount="0.1"), sequence=1, session_id="s", record_index=7)
    sink.write(table(checkout_row(CHECKOUT), other), query_id=QUERY, batch_id=0)
    assert conflicts(migrated) == [
        (
            {
                "checkout_id": "k", "user_id": "u", "checkout_timestamp": "2026-11-23T12:00:00.000000Z",
                "total_amount": "0.1000", "currency": "EUR", "session_id": "s", "revision": 0, "test": False,
                "items": [{"product_id": 'a "quoted", one', "quantity": 1, "unit_price": "1.50"}],
            },
            "1",
            7,
        )
    ]  # fmt: skip


def test_copies_of_an_event_with_a_corrected_time_are_no_conflict(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    """The copies arrive at other times, and a late copy needs no correction."""
    stated = NOON + 60 * MINUTE
    arrivals = [NOON, NOON + MINUTE, NOON + 90 * MINUTE]
    for batch_id, arrival in enumerate(arrivals):
        corrected: dict[str, Any] = {"stated_timestamp": stated} if arrival < stated else {}
        at = min(arrival, stated)
        rows = [
            click_row(replace(CLICK, click_timestamp=at), sequence=batch_id, arrived_at=arrival, **corrected),
            checkout_row(replace(CHECKOUT, checkout_timestamp=at), sequence=batch_id, arrived_at=arrival, **corrected),
            event_row(replace(REFUND, refund_timestamp=at), sequence=batch_id, arrived_at=arrival, **corrected),
        ]
        sink.write(table(*rows), query_id=QUERY, batch_id=batch_id)
    assert conflicts(migrated) == []
    stored = migrated.execute("select click_timestamp, stated_timestamp from raw_clicks").fetchall()
    assert stored == [(NOON, stated)]


@pytest.mark.parametrize("table_name", ["raw_clicks", "raw_checkouts"])
def test_events_from_before_the_migration_are_not_compared(
    sink: PostgresSink, migrated: psycopg.Connection, table_name: str
) -> None:
    """The older contract left fields out that the new one reads from the same bytes."""
    sink.write(table(click_row(CLICK), checkout_row(CHECKOUT)), query_id=QUERY, batch_id=0)
    migrated.execute(f"update {table_name} set ingested_at = '2026-01-01'".encode())
    rows = table(click_row(CLICK, referrer="https://x.example"), checkout_row(CHECKOUT, payment_method="card"))
    sink.write(rows, query_id=QUERY, batch_id=1)
    kinds = {kind for (kind,) in migrated.execute("select event_kind from conflicts")}
    assert kinds == {"click", "checkout"} - {table_name.removeprefix("raw_").removesuffix("s")}


def test_the_first_event_of_a_batch_is_the_first_that_arrived(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    order = [(NOON, "2", 1), (NOON, "2", 2), (NOON, "3", 0), (NOON + MINUTE, "1", 0)]
    records: list[dict[str, Any]] = [
        {"arrived_at": at, "sequence_number": sequence, "record_index": index}
        for at, sequence, index in reversed(order)
    ]
    rows = [
        event_row(event, **record)
        for record in records
        for event in (
            replace(CLICK, user_id=f"user {record['sequence_number']} {record['record_index']}"),
            replace(CHECKOUT, payment_method=f"{record['sequence_number']} {record['record_index']}"),
            replace(REFUND, amount=f"{record['sequence_number']}.{record['record_index']}"),
        )
    ]
    assert sink.write(table(*rows), query_id=QUERY, batch_id=0).conflicts == 9
    assert migrated.execute("select user_id from raw_clicks").fetchall() == [("user 2 1",)]
    assert migrated.execute("select payment_method, amount from raw_checkouts, raw_refunds").fetchall() == [
        ("2 1", Decimal("2.1"))
    ]
