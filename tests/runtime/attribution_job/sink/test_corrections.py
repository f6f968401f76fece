"""Revised, cancelled and refunded orders, test orders, and what is counted of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from runtime.attribution_job.sink.counts import BatchCounts
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.attribution_job.conftest import Sinks, credits
from tests.runtime.attribution_job.sink.rows import candidate_row, event_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = str(uuid4())
ORDER = Checkout(NOON, "k", "u", amount="39.90", payment_method="card")
EDITED = Checkout(NOON + MINUTE, "k", "v", amount="24.9001", currency="JPY", revision=1)


def write(sink: PostgresSink, *batches: list[Event]) -> list[BatchCounts]:
    """Writes batches of one query, whose events arrive in their order."""
    return [
        sink.write(
            table(*(event_row(event, sequence=number) for number, event in enumerate(events))),
            query_id=QUERY,
            batch_id=batch_id,
        )
        for batch_id, events in enumerate(batches)
    ]


def rows(connection: psycopg.Connection, columns: str, table_name: str) -> list[Any]:
    return connection.execute(f"select {columns} from {table_name} order by 1".encode()).fetchall()


@pytest.mark.parametrize("batches", [[[ORDER], [EDITED]], [[ORDER, EDITED]]], ids=["two batches", "one batch"])
def test_the_highest_revision_replaces_the_content_but_not_user_and_time(
    sink: PostgresSink, migrated: psycopg.Connection, batches: list[list[Event]]
) -> None:
    assert sum(counts.revisions for counts in write(sink, *batches)) == 1
    columns = "user_id, checkout_timestamp, total_amount, currency"
    expected = [("u", NOON, Decimal("24.9001"), "JPY")]
    assert rows(migrated, columns, "raw_checkouts") == expected
    assert rows(migrated, columns, "attributed_checkouts") == expected
    assert rows(migrated, "payment_method, revision", "raw_checkouts") == [(None, 1)]
    assert rows(migrated, "user_id, order_count, lifetime_value", "users") == [("u", 1, Decimal("24.9001"))]
    assert rows(migrated, "event_id", "conflicts") == []


def test_a_lower_revision_changes_nothing(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    counts = write(sink, [EDITED], [ORDER])[1]
    assert (counts.checkouts, counts.revisions, counts.conflicts, counts.duplicates) == (0, 0, 0, 1)
    assert rows(migrated, "user_id, total_amount, revision", "raw_checkouts") == [("v", Decimal("24.9001"), 1)]


def test_a_cancellation_stays_and_refunds_the_whole_amount(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    refund = Refund(NOON, "r", "k", amount="5")
    counts = write(sink, [ORDER, refund], [replace(ORDER, cancelled=True)], [ORDER], [replace(ORDER, revision=2)])
    assert [batch.revisions for batch in counts] == [0, 1, 0, 1]
    assert {batch.conflicts for batch in counts} == {0}
    columns = "cancelled, gross_amount, refunded_amount, excess_refund, net_amount"
    assert rows(migrated, columns, "net_checkouts") == [(True, Decimal("39.9"), Decimal("39.9"), 0, 0)]
    assert rows(migrated, "order_count, lifetime_value", "users") == [(1, Decimal("39.9"))]


@pytest.mark.parametrize("refund_first", [True, False])
def test_partial_refunds_add_up_but_never_beyond_the_amount(
    sink: PostgresSink, migrated: psycopg.Connection, refund_first: bool
) -> None:
    refunds: list[Event] = [
        Refund(NOON, "r1", "k", amount="10"),
        Refund(NOON, "r2", "k", amount="9.9001"),
        Refund(NOON, "r2", "k", amount="9.9001"),
        Refund(NOON, "other currency", "k", amount="1", currency="JPY"),
        Refund(NOON, "other checkout", "k2", amount="1"),
    ]
    batches: list[list[Event]] = [refunds, [ORDER]] if refund_first else [[ORDER], refunds]
    counts = write(sink, *batches, [Refund(NOON, "r3", "k", "30")])
    assert (sum(batch.refunds for batch in counts), sum(batch.duplicates for batch in counts)) == (5, 1)
    columns = "gross_amount, refunded_amount, excess_refund, net_amount"
    assert rows(migrated, columns, "net_checkouts") == [
        (Decimal("39.90"), Decimal("39.90"), Decimal("10.0001"), Decimal(0))
    ]


def test_a_test_order_is_stored_and_credited_but_in_no_sum(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    test_order = Checkout(NOON, "test", "u", amount="100", test=True)
    write(sink, [Click(NOON, "c", "u"), ORDER, test_order])
    assert rows(migrated, "checkout_id, test", "attributed_checkouts") == [("k", False), ("test", True)]
    assert rows(migrated, "checkout_id", "net_checkouts") == [("k",)]
    assert rows(migrated, "user_id, order_count, lifetime_value", "users") == [("u", 1, Decimal("39.90"))]


def test_a_revision_can_turn_an_order_into_a_test_order_and_back(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    test_order, real_order = replace(ORDER, revision=1, test=True), replace(ORDER, revision=2, amount="1.0001")
    write(sink, [ORDER], [test_order])
    assert rows(migrated, "order_count, lifetime_value", "users") == [(0, 0)]
    assert rows(migrated, "test", "attributed_checkouts") == [(True,)]
    sink.write(table(event_row(real_order)), query_id=QUERY, batch_id=2)
    assert rows(migrated, "order_count, lifetime_value", "users") == [(1, Decimal("1.0001"))]
    assert rows(migrated, "net_amount", "net_checkouts") == [(Decimal("1.0001"),)]


def test_amounts_are_exact(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    amounts = ["999999999999999.9999", "0.0001", "-0.0000", "1.10"]
    write(sink, [Checkout(NOON, str(number), "u", amount) for number, amount in enumerate(amounts)])
    assert [str(amount) for _, amount in rows(migrated, "checkout_id, total_amount", "raw_checkouts")] == [
        "999999999999999.9999", "0.0001", "0.0000", "1.1000",
    ]  # fmt: skip
    assert rows(migrated, "lifetime_value", "users") == [(Decimal("1000000000000001.1000"),)]


@pytest.mark.parametrize("age", [60, 50, 0])
def test_a_revision_with_an_earlier_time_hides_no_click_from_spark(
    sinks: Sinks, migrated: psycopg.Connection, age: int
) -> None:
    """Spark keeps one candidate of a checkout, which may be that of the revision."""
    clicks = Click(NOON - 65 * MINUTE, "of the revision", "u"), Click(NOON - age * MINUTE, "of the order", "u")
    earlier = replace(ORDER, checkout_timestamp=NOON - 10 * MINUTE, revision=1)
    orders = [event_row(order, sequence=number, arrived_at=NOON) for number, order in enumerate((ORDER, earlier))]
    rows = table(*map(event_row, clicks), *orders, candidate_row(ORDER, clicks[0]))
    sinks.for_join("spark").write(rows, query_id=QUERY, batch_id=0)
    assert credits(migrated) == {"k": "of the order"}
