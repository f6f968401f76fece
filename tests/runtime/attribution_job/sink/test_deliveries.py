"""Random shops, delivered in random order, with duplicates and in random batches: the tables follow the rule."""

from collections.abc import Callable, Iterator
from typing import get_args
from uuid import uuid4

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, first_clicks
from tests.runtime.attribution_job.conftest import TRUNCATE, Sinks, credits
from tests.runtime.attribution_job.join.streaming_join import StreamingJoin
from tests.runtime.attribution_job.sink.rows import checkout_row, click_row, table
from tests.strategies import shop


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Click], list[Checkout], list[list[Click | Checkout]]]:
    """Draws a shop's clicks and checkouts, and a delivery of them: batches in any order, with duplicates."""
    clicks, checkouts = draw(shop(max_size=8))
    events: list[Click | Checkout] = [*clicks, *checkouts]
    duplicates = draw(st.lists(st.sampled_from(events), max_size=4)) if events else []
    stream = draw(st.permutations([*events, *duplicates]))
    batches: list[list[Click | Checkout]] = [[]]
    for event in stream:
        if draw(st.integers(0, 2)) == 0:
            batches.append([])
        batches[-1].append(event)
    return clicks, checkouts, batches


def deliver(sink: Callable[[], PostgresSink], batches: list[list[Click | Checkout]]) -> Iterator[None]:
    """Writes the batches of one query, with the candidates of Spark's join. Yields after each batch."""
    query_id, join = str(uuid4()), StreamingJoin()
    for batch_id, events in enumerate(batches):
        rows = [click_row(e) if isinstance(e, Click) else checkout_row(e) for e in events] + join.batch(events)
        sink().write(table(*rows), query_id=query_id, batch_id=batch_id)
        yield


def assert_rule(connection: psycopg.Connection, clicks: list[Click], checkouts: list[Checkout]) -> None:
    """Asserts that the credits follow the rule, and that the sums of `users` and `batches` count each event once."""
    assert credits(connection) == first_clicks(clicks, checkouts)
    orders = connection.execute("select coalesce(sum(order_count), 0) from users").fetchone()
    assert orders == (len(checkouts),)
    sums = connection.execute("select coalesce(sum(clicks), 0), coalesce(sum(checkouts), 0) from batches").fetchone()
    assert sums == (len(clicks), len(checkouts))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(delivery=deliveries())
def test_the_tables_follow_the_rule_for_any_delivery(
    sink: PostgresSink,
    migrated: psycopg.Connection,
    delivery: tuple[list[Click], list[Checkout], list[list[Click | Checkout]]],
) -> None:
    clicks, checkouts, batches = delivery
    migrated.execute(TRUNCATE)
    for _ in deliver(lambda: sink, batches):
        missing = migrated.execute("select (select count(*) from raw_checkouts) - count(*) from attributed_checkouts")
        assert missing.fetchone() == (0,)
    assert_rule(migrated, clicks, checkouts)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(delivery=deliveries(), joins=st.permutations(get_args(Join)), data=st.data())
def test_the_tables_follow_the_rule_when_the_join_is_moved(
    sinks: Sinks,
    migrated: psycopg.Connection,
    delivery: tuple[list[Click], list[Checkout], list[list[Click | Checkout]]],
    joins: list[Join],
    data: st.DataObject,
) -> None:
    """The first query stops at any batch, the second reads all events in other batches, then the first continues."""
    clicks, checkouts, batches = delivery
    larger_batches = [[event for batch in batches[at : at + 3] for event in batch] for at in range(0, len(batches), 3)]
    migrated.execute(TRUNCATE)
    first = deliver(lambda: sinks.for_join(joins[0]), batches)
    second = deliver(lambda: sinks.for_join(joins[1]), larger_batches)
    for _ in range(data.draw(st.integers(0, len(batches)))):
        next(first)
    if data.draw(st.booleans()):
        list(second)
        assert_rule(migrated, clicks, checkouts)
    else:
        for _ in range(data.draw(st.integers(0, len(larger_batches)))):
            next(second)
    list(first)
    assert_rule(migrated, clicks, checkouts)
