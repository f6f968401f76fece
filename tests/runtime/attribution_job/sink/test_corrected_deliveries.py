"""Random shops with revisions, cancellations, refunds, test orders, robots and reused ids, in random deliveries."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.attribution_job.sink.postgres import PostgresSink
from tests import oracle
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.attribution_job.conftest import TRUNCATE, credits
from tests.runtime.attribution_job.join.streaming_join import StreamingJoin
from tests.runtime.attribution_job.sink.contents import table_contents
from tests.runtime.attribution_job.sink.rows import event_row, table
from tests.strategies import corrected_shop

ARRIVAL = datetime(2026, 11, 24, tzinfo=UTC)


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[Event]]:
    """Draws batches of a shop's events, in any order and with duplicates."""
    events = draw(corrected_shop())
    duplicates = draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    batches: list[list[Event]] = [[]]
    for event in draw(st.permutations([*events, *duplicates])):
        if draw(st.integers(0, 3)) == 0:
            batches.append([])
        batches[-1].append(event)
    return batches


def deliver(sink: PostgresSink, batches: list[list[Event]], connection: psycopg.Connection) -> None:
    """Writes the batches as one query. Events arrive in their order; each batch is shuffled by its ids."""
    query_id, join = str(uuid4()), StreamingJoin()
    sequence = 0
    for batch_id, events in enumerate(batches):
        rows = []
        for event in events:
            rows.append(event_row(event, sequence=sequence, arrived_at=ARRIVAL + timedelta(seconds=sequence)))
            sequence += 1
        rows = sorted(rows, key=str) + join.batch(events)
        counts = sink.write(table(*rows), query_id=query_id, batch_id=batch_id)
        assert counts.records == len(events)
        missing = connection.execute("select (select count(*) from raw_checkouts) - count(*) from attributed_checkouts")
        assert missing.fetchone() == (0,)


def stored_checkouts(connection: psycopg.Connection) -> set[Checkout]:
    rows = connection.execute(
        "select checkout_timestamp, checkout_id, user_id, total_amount, currency, payment_method, revision, cancelled,"
        " test from raw_checkouts"
    )
    return {Checkout(*row) for row in rows}


def stored_refunds(connection: psycopg.Connection) -> set[Refund]:
    columns = "refund_timestamp, refund_id, checkout_id, amount, currency, user_id"
    return {Refund(*row) for row in connection.execute(f"select {columns} from raw_refunds".encode())}


def stored_conflicts(connection: psycopg.Connection) -> set[Event]:
    """Reads the content of each conflict back into an event."""
    conflicts: set[Event] = set()
    for kind, content in connection.execute("select event_kind, content from conflicts"):
        fields: dict[str, Any] = content | {
            name: datetime.fromisoformat(value) for name, value in content.items() if name.endswith("_timestamp")
        }
        if kind == "click":
            conflicts.add(Click(**fields))
        elif kind == "refund":
            conflicts.add(Refund(**fields))
        else:
            conflicts.add(Checkout(amount=fields.pop("total_amount"), **without(fields, "items")))
    return {with_exact_amount(event) for event in conflicts}


def without(fields: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def with_exact_amount(event: Event) -> Event:
    """Returns the event with a decimal as its amount, which equals decimals of another scale."""
    return event if isinstance(event, Click) else type(event)(**vars(event) | {"amount": Decimal(str(event.amount))})


def net_amounts(connection: psycopg.Connection) -> dict[str, tuple[Decimal, Decimal]]:
    columns = "checkout_id, refunded_amount, excess_refund, gross_amount - refunded_amount - net_amount"
    rows = connection.execute(f"select {columns} from net_checkouts".encode()).fetchall()
    assert {difference for _, _, _, difference in rows} <= {0}
    return {checkout_id: (refunded, excess) for checkout_id, refunded, excess, _ in rows}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(batches=deliveries(), data=st.data())
def test_the_tables_follow_the_rules_for_any_delivery_and_replay(
    sink: PostgresSink, migrated: psycopg.Connection, batches: list[list[Event]], data: st.DataObject
) -> None:
    migrated.execute(TRUNCATE)
    deliver(sink, batches, migrated)
    received = [event for batch in batches for event in batch]
    standing = list(oracle.standing_events(received).values())
    clicks = [event for event in standing if isinstance(event, Click)]
    checkouts = [event for event in standing if isinstance(event, Checkout)]
    refunds = [event for event in standing if isinstance(event, Refund)]

    assert credits(migrated) == oracle.first_clicks(clicks, checkouts)
    assert stored_checkouts(migrated) == {with_exact_amount(checkout) for checkout in checkouts}
    assert stored_refunds(migrated) == {with_exact_amount(refund) for refund in refunds}
    assert net_amounts(migrated) == {
        checkout.checkout_id: oracle.refunded_amounts(checkout, refunds) for checkout in checkouts if not checkout.test
    }
    visitors = {click.user_id: (0, Decimal(0)) for click in clicks if not click.is_bot}
    users = migrated.execute("select user_id, order_count, lifetime_value from users")
    assert {user: (count, value) for user, count, value in users} == visitors | oracle.orders(checkouts)
    assert stored_conflicts(migrated) == {with_exact_amount(event) for event in oracle.conflicts(received)}
    sums = migrated.execute("select sum(clicks), sum(checkouts), sum(refunds), sum(conflicts) from batches").fetchone()
    conflicts = migrated.execute("select count(*) from conflicts").fetchone()
    assert sums == (len(clicks), len(checkouts), len(refunds), *(conflicts or ()))

    contents = table_contents(migrated)
    deliver(sink, [data.draw(st.permutations(received))], migrated)
    assert table_contents(migrated) == contents


@given(events=corrected_shop(), data=st.data())
def test_the_rules_do_not_depend_on_the_order_of_events_without_reused_ids(
    events: list[Event], data: st.DataObject
) -> None:
    """Proves the rule itself, in plain Python: the test above proves that the tables follow it."""
    unique: dict[tuple[object, ...], Event] = {}
    for event in events:
        revision = event.revision if isinstance(event, Checkout) else 0
        unique.setdefault((*oracle.event_id(event), revision), event)
    firsts = {oracle.event_id(event): event for event in reversed(unique.values())}
    received = [
        type(event)(**vars(event) | {name: vars(firsts[oracle.event_id(event)])[name] for name in SHARED})
        if isinstance(event, Checkout)
        else event
        for event in unique.values()
    ]
    assert oracle.standing_events(data.draw(st.permutations(received))) == oracle.standing_events(received)


# Taken from the first event under an id, so their order of arrival decides.
SHARED = ("user_id", "checkout_timestamp")
