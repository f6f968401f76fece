"""Erasures of people whose paths are stored."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg

from local.servers.postgres import Server
from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.analytics.shops import TRAFFIC, contents, rows, send
from tests.waiting import wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIRECT, SEARCH, GENERIC, MAIL = TRAFFIC[0], TRAFFIC[2], TRAFFIC[3], TRAFFIC[5]


def test_an_erased_person_leaves_the_models(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    def visit(user: str) -> list[Event]:
        touches: list[Event] = [Click(NOON, f"a{user}", user), Click(NOON, f"b{user}", user)]
        return [*touches, Checkout(NOON, f"k{user}", user), Click(NOON + HOUR, f"l{user}", user)]

    labels = {f"{prefix}{user}": SEARCH for prefix in "abl" for user in "uv"}
    send(sink, *visit("v"), **labels)
    refresh(refresher)
    before = contents(migrated)
    send(sink, *visit("u"), Refund(NOON, "r", "kv", "1.00", user_id="u"), **labels)
    refresh(refresher)
    erased: dict[str, int] = dict(migrated.execute("select * from erase_user('u')").fetchall())
    assert (erased["checkout_paths"], erased["unconverted_paths"]) == (1, 1)
    refresh(refresher)
    assert contents(migrated) == before


def test_an_erasure_waits_for_the_refresh(
    sink: PostgresSink, migrated: psycopg.Connection, postgres: Server, database: str
) -> None:
    send(sink, Click(NOON, "c", "u"), c=MAIL)
    with psycopg.connect(postgres.url(database), autocommit=True) as other:
        migrated.execute("select pg_advisory_lock(1701015410)")
        erasure = threading.Thread(target=lambda: other.execute("select * from erase_user('u')"))
        erasure.start()
        waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
        wait_until(lambda: migrated.execute(waiting).fetchone() is not None)
        assert rows(migrated, "select count(*) from raw_clicks") == [(1,)]
        migrated.execute("select pg_advisory_unlock(1701015410)")
        erasure.join(30)
    assert rows(migrated, "select count(*) from raw_clicks") == [(0,)]
