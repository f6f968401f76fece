"""The refresh: it runs alone, misses nothing, ends early when told to, and says what it did."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from local.servers.postgres import Server
from runtime.analytics import handler as module
from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event
from tests.runtime.analytics.shops import TRAFFIC, rows, send

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIRECT, SEARCH, GENERIC, MAIL = TRAFFIC[0], TRAFFIC[2], TRAFFIC[3], TRAFFIC[5]


def test_a_second_refresh_at_the_same_time_returns_at_once(
    refresher: psycopg.Connection, migrated: psycopg.Connection
) -> None:
    migrated.execute("select pg_advisory_lock(1701015410)")
    assert refresh(refresher).is_busy
    migrated.execute("select pg_advisory_unlock(1701015410)")
    outcome = refresh(refresher)
    assert not outcome.is_busy
    assert outcome.is_complete


def test_events_of_a_transaction_that_commits_late_are_not_missed(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection, postgres: Server, database: str
) -> None:
    """The transaction begins before one that a refresh has read already, and commits after that refresh."""
    insert = (
        "insert into raw_clicks (click_id, user_id, utm_source, click_timestamp, arrived_at)"
        " values ('slow', 'u', 'google', '2026-11-23 11:30+0', now())"
    )
    with psycopg.connect(postgres.url(database)) as slow:
        slow.execute(insert)
        send(sink, Click(NOON, "c", "u"), Checkout(NOON, "k", "u"), c=MAIL)
        refresh(refresher)
        assert rows(migrated, "select touches from checkout_paths") == [(1,)]
        # As the job's statements do, in the transaction of the click.
        slow.execute("update users set first_click_timestamp = '2026-11-23 11:30+0', first_click_id = 'slow'")
        slow.commit()
    refresh(refresher)
    assert rows(migrated, "select touches, first_click_id from checkout_paths") == [(2, "slow")]


def test_a_refresh_without_changes_writes_nothing(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    send(sink, Click(NOON, "c", "u"), Checkout(NOON, "k", "u"), c=MAIL)
    assert refresh(refresher).checkouts == 1
    versions = "select p.xmin::text, d.xmin::text from checkout_paths p, daily_credits d"
    before = rows(migrated, versions)
    outcome = refresh(refresher)
    assert (outcome.checkouts, outcome.users, outcome.is_complete) == (0, 0, True)
    assert rows(migrated, versions) == before
    runs = rows(migrated, "select kind, checkouts, users, finished_at > started_at, first_day::text from model_runs")
    assert runs == [("full", 1, 0, True, "2026-11-23")]


def test_a_refresh_without_time_continues_at_the_next_call(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    checkouts: list[Event] = [Checkout(NOON, f"k{number}", "u") for number in range(5)]
    send(sink, *checkouts)
    assert not refresh(refresher, seconds=0, part_size=2).is_complete
    assert rows(migrated, "select count(*) from checkout_paths") == [(2,)]
    assert refresh(refresher).is_complete
    assert rows(migrated, "select count(*) from checkout_paths") == [(5,)]


def test_a_chain_with_too_many_states_leaves_its_model_out_and_says_why(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.analytics.chain_weights.MAX_STATES", 2)
    migrated.execute("update analytics_settings set markov_order = 2")
    touches: list[Event] = [
        Click(NOON, "a", "u"),
        Click(NOON, "b", "u"),
        Click(NOON, "c", "u"),
        Checkout(NOON, "k", "u", "12.00"),
    ]
    send(sink, *touches, a=SEARCH, b=MAIL, c=SEARCH)
    outcome = refresh(refresher)
    assert outcome.message is not None
    assert "set a smaller markov_order" in outcome.message
    assert rows(migrated, "select distinct model from model_weights") == [("shapley_markov",)]
    models = rows(migrated, "select model, sum(net) from all_credits group by 1 having sum(net) <> 12")
    assert models == []


def test_the_lambda_refreshes_and_refuses_unknown_fields(
    sink: PostgresSink, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres.url(database, "pipeline_analytics"))
    send(sink, Click(NOON, "c", "u"), Checkout(NOON, "k", "u"), c=MAIL)
    assert module.handler({})["checkouts"] == 1
    assert module.handler({"full": True})["is_complete"]
    assert module.handler({"source": "aws.events", "detail": {}})["checkouts"] == 0
    for payload in ({"ful": True}, {"full": "yes"}):
        with pytest.raises(ValueError, match="expected"):
            module.handler(payload)
