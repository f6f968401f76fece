"""Queries with an incomplete history: batches that the database lost, and events that only other queries received."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import get_args
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from local.servers import postgres as embedded
from local.servers.postgres import Server
from runtime.attribution_job.failures import RestoredDatabaseError
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink import history
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, first_clicks
from tests.runtime.attribution_job.conftest import TRUNCATE, Sinks, credits, open_sink
from tests.runtime.attribution_job.join.streaming_join import StreamingJoin
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = str(uuid4())
BATCHES: list[list[Click | Checkout]] = [
    [Click(NOON, "c0", "u")],
    [Checkout(NOON + MINUTE, "k0", "u")],
    [Click(NOON - MINUTE, "c1", "u"), Checkout(NOON + MINUTE, "k1", "v")],
    [Checkout(NOON + 2 * MINUTE, "k2", "u")],
]


def rows(events: list[Click | Checkout], join: StreamingJoin) -> list[dict[str, object]]:
    """Returns the rows of one batch: its events, and the candidates of Spark's join."""
    return [click_row(e) if isinstance(e, Click) else checkout_row(e) for e in events] + join.batch(events)


@pytest.fixture
def restored(postgres: Server, database: str) -> Iterator[str]:
    """The name for a copy of `database`, which is dropped after the test."""
    yield f"{database}_restored"
    embedded.drop_database(postgres, f"{database}_restored")


@pytest.mark.parametrize("join", get_args(Join))
def test_a_restored_database_refuses_the_newer_checkpoint_and_accepts_a_new_one(
    postgres: Server, database: str, restored: str, join: Join
) -> None:
    first_join = StreamingJoin()
    batches = [table(*rows(events, first_join)) for events in BATCHES[:3]]
    sink = open_sink(postgres.url(database, "pipeline_writer"), join)
    for batch_id, batch in enumerate(batches[:2]):
        sink.write(batch, query_id=QUERY, batch_id=batch_id)
    sink.close()
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as admin:
        admin.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(restored), sql.Identifier(database))
        )
    sink = open_sink(postgres.url(database, "pipeline_writer"), join)
    sink.write(batches[2], query_id=QUERY, batch_id=2)
    sink.close()

    with psycopg.connect(postgres.url(restored), autocommit=True) as connection:
        grant = sql.SQL("grant connect, temporary on database {} to pipeline_writer")
        connection.execute(grant.format(sql.Identifier(restored)))
        restored_credits = credits(connection)
        sink = open_sink(postgres.url(restored, "pipeline_writer"), join)
        message = f"query {QUERY} is at batch 3, but the database has 1 as the last batch"
        with pytest.raises(RestoredDatabaseError, match=rf'{message}.* see "Database restored" in docs/operations.md'):
            sink.write(table(checkout_row(Checkout(NOON, "k9", "u"))), query_id=QUERY, batch_id=3)
        assert isinstance(sink.refusal, RestoredDatabaseError)
        assert credits(connection) == restored_credits == {"k0": "c0"}

        # As in the runbook: with a new checkpoint, a new query reads all events again, in other batches.
        second_join, query = StreamingJoin(), str(uuid4())
        for batch_id, events in enumerate([BATCHES[0] + BATCHES[1], BATCHES[2] + BATCHES[3]]):
            sink.write(table(*rows(events, second_join)), query_id=query, batch_id=batch_id)
        sink.close()
        events = [event for batch in BATCHES for event in batch]
        assert credits(connection) == expected_credits(events)
        orders = connection.execute("select sum(order_count)::int, sum(lifetime_value) from users").fetchone()
        assert orders == (3, 3 * 1.5)


def expected_credits(events: list[Click | Checkout]) -> dict[str, str | None]:
    clicks = [event for event in events if isinstance(event, Click)]
    return first_clicks(clicks, [event for event in events if isinstance(event, Checkout)])


def test_a_checkpoint_of_another_database_is_refused(sink: PostgresSink) -> None:
    with pytest.raises(RestoredDatabaseError, match="is at batch 7, but the database has no batch of that query"):
        sink.write(table(), query_id=QUERY, batch_id=7)


def test_an_empty_batch_is_recorded_and_the_next_accepted(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    for batch_id in range(3):
        sink.write(table(), query_id=QUERY, batch_id=batch_id)
    sink.write(table(), query_id=QUERY, batch_id=1)  # as after a checkpoint was set back
    assert migrated.execute("select batch_id from batches order by 1").fetchall() == [(0,), (1,), (2,)]


def test_history_is_read_without_scanning_all_batches(migrated: psycopg.Connection) -> None:
    migrated.execute(
        "insert into batches (query_id, batch_id, clicks, checkouts, dead_letters, credits, late, duplicates,"
        " unknown_fields, watermark, began_at)"
        " select %s, n, 0, 0, 0, 0, 0, 0, 0, 'epoch', timestamptz '2026-11-01' + n * interval '1 second'"
        "   from generate_series(0, 20000) n",
        [QUERY],
    )
    migrated.execute("analyze batches")
    batch = {"query_id": QUERY, "batch_id": 20000, "delay": "5 minutes"}
    plan = "\n".join(row[0] for row in migrated.execute("explain (analyze) " + history.HISTORY, batch))
    assert {float(count) for count in re.findall(r"actual time=\S+ rows=(\S+)", plan)} <= {0, 1}, plan


def test_a_checkout_finds_a_click_that_only_another_query_received(sinks: Sinks, migrated: psycopg.Connection) -> None:
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON + 50 * MINUTE, "k", "u")
    sink = sinks.for_join("spark")
    earlier_query = str(uuid4())
    sink.write(table(click_row(Click(NOON - 120 * MINUTE, "old", "v"))), query_id=earlier_query, batch_id=0)
    sink.write(table(click_row(click)), query_id=earlier_query, batch_id=1)
    sink.write(table(click_row(Click(NOON, "other", "v"))), query_id=QUERY, batch_id=0)
    sink.write(table(checkout_row(checkout)), query_id=QUERY, batch_id=1)
    assert credits(migrated) == {"k": "c"}


def test_a_click_finds_a_checkout_that_only_another_query_received(sinks: Sinks, migrated: psycopg.Connection) -> None:
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON + 50 * MINUTE, "k", "u")
    sink = sinks.for_join("spark")
    sink.write(table(checkout_row(checkout)), query_id=str(uuid4()), batch_id=0)
    sink.write(table(click_row(click)), query_id=QUERY, batch_id=0)
    assert credits(migrated) == {"k": "c"}


def test_a_first_query_has_no_unseen_events(sinks: Sinks, migrated: psycopg.Connection) -> None:
    """Its batches therefore need no repair."""
    join = StreamingJoin()
    for batch_id, events in enumerate(BATCHES):
        sinks.for_join("spark").write(table(*rows(events, join)), query_id=QUERY, batch_id=batch_id)
    assert migrated.execute("select distinct unseen_until from batches").fetchall() == [(None,)]


@dataclass
class Query:
    """A query's checkpoint: its position in the stream and the state of its join."""

    join: Join
    query_id: str
    position: int
    batch_id: int = 0
    state: StreamingJoin = field(default_factory=StreamingJoin)


def one_users_events() -> st.SearchStrategy[list[Click | Checkout]]:
    """Draws clicks and checkouts of one user in any order, some within an hour of each other."""
    minutes = st.sampled_from([0, 20, 50, 59, 60, 70, 110, 121])
    clicks = st.lists(minutes, min_size=1, max_size=4)
    checkouts = st.lists(minutes, min_size=1, max_size=3)
    return st.tuples(clicks, checkouts).flatmap(
        lambda times: st.permutations(
            [Click(NOON + minute * MINUTE, f"c{number}", "u") for number, minute in enumerate(times[0])]
            + [Checkout(NOON + minute * MINUTE, f"k{number}", "u") for number, minute in enumerate(times[1])]
        )
    )


@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(stream=one_users_events(), data=st.data())
def test_received_events_follow_the_rule_through_losses_of_checkpoints_and_streams(
    sinks: Sinks, migrated: psycopg.Connection, stream: list[Click | Checkout], data: st.DataObject
) -> None:
    """Queries are replaced, checkpoints are lost or set back, and the stream drops events that a query has read."""
    migrated.execute(TRUNCATE)
    joins: st.SearchStrategy[Join] = st.sampled_from(["spark", "spark", "postgres"])
    query = Query(data.draw(joins), str(uuid4()), 0)
    checkpoints: list[Query] = []
    oldest = read_until = 0
    for change in ["none", *data.draw(st.lists(st.sampled_from(["none", "set back", "new"]), min_size=1, max_size=6))]:
        if change != "none" and data.draw(st.booleans()):
            oldest = read_until
        if change == "set back":
            query = copy.deepcopy(data.draw(st.sampled_from(checkpoints)))
        elif change == "new":
            query = Query(data.draw(joins), str(uuid4()), oldest)
        start = max(query.position, oldest)
        query.position = min(start + data.draw(st.integers(1, 3)), len(stream))
        batch = table(*rows(stream[start : query.position], query.state))
        sinks.for_join(query.join).write(batch, query_id=query.query_id, batch_id=query.batch_id)
        query.batch_id += 1
        read_until = max(read_until, query.position)
        checkpoints.append(copy.deepcopy(query))
    assert credits(migrated) == expected_credits(stream[:read_until])


def test_a_candidate_does_not_undo_a_repair(sinks: Sinks, migrated: psycopg.Connection) -> None:
    early, late, checkout = Click(NOON, "a", "u"), Click(NOON + MINUTE, "b", "u"), Checkout(NOON + 2 * MINUTE, "k", "u")
    sink = sinks.for_join("spark")
    sink.write(table(click_row(early)), query_id=str(uuid4()), batch_id=0)
    rows = [click_row(late), checkout_row(checkout), candidate_row(checkout, late)]
    sink.write(table(*rows), query_id=QUERY, batch_id=0)
    assert credits(migrated) == {"k": "a"}
