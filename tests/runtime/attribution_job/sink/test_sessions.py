"""The sessions of several writers: the lock that they share, orphans, erasures, waits for each other, and closing."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from local.servers.postgres import Server
from runtime.attribution_job.failures import FencedError
from runtime.attribution_job.sink import fence, statements
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.attribution_job.conftest import credits
from tests.runtime.attribution_job.sink.rows import event_row, table
from tests.runtime.attribution_job.sink.test_slices import INCONSISTENT_USERS, assert_consistent
from tests.waiting import wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = str(uuid4())
HOLDERS = "select pid from pg_locks where objid = %s and granted order by pid"
BLOCKED = "select from pg_locks where not granted and relation = %s::regclass"

NewRun = Callable[..., PostgresSink]


@pytest.fixture
def url(postgres: Server, database: str) -> str:
    return postgres.url(database, "pipeline_writer")


@pytest.fixture
def new_run(url: str) -> Iterator[NewRun]:
    """Returns the sink of a new run of the job with two writers; all runs use the same database."""
    sinks: list[PostgresSink] = []

    def new_run(connect: Callable[[], psycopg.Connection] | None = None, **options: Any) -> PostgresSink:
        connect = connect or (lambda: psycopg.connect(url, autocommit=True))
        options = {"writers": 2, "fence_seconds": 0.5, "retry_seconds": 5} | options
        sinks.append(PostgresSink(connect, "postgres", **options))
        return sinks[-1]

    yield new_run
    for sink in sinks:
        sink.close()


def rows(*events: Event) -> dict[str, Any]:
    """Returns the sink's tables of events that arrive in their order."""
    return table(*(event_row(event, sequence=number, arrived_at=NOON) for number, event in enumerate(events)))


def end_session(connection: psycopg.Connection, pid: int) -> None:
    assert connection.execute("select pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)


def test_every_session_of_a_run_holds_the_lock(new_run: NewRun, migrated: psycopg.Connection) -> None:
    new_run(writers=3).open()
    assert len(migrated.execute(HOLDERS, [fence.LOCK]).fetchall()) == 3
    with pytest.raises(FencedError):
        new_run().open()


def test_an_orphaned_session_keeps_the_next_run_out_until_it_ends(
    new_run: NewRun, migrated: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    first = new_run()
    first.open()
    lead, orphan = (session.info.backend_pid for session in first._sessions)
    end_session(migrated, lead)
    with pytest.raises(FencedError, match=f"pid {orphan}, role pipeline_writer"):
        new_run().open()
    caplog.clear()
    second = new_run(fence_seconds=60)
    with ThreadPoolExecutor() as threads:
        opening = threads.submit(second.open)
        wait_until(lambda: "waiting until it ends" in caplog.text)
        assert not opening.done()
        end_session(migrated, orphan)
        opening.result()
    with pytest.raises(FencedError):
        first.write(rows(Click(NOON, "c", "u")), query_id=QUERY, batch_id=0)
    second.write(rows(Click(NOON, "d", "u")), query_id=str(uuid4()), batch_id=0)
    assert migrated.execute("select click_id from raw_clicks").fetchall() == [("d",)]


def test_a_session_that_joins_after_a_takeover_writes_nothing(
    new_run: NewRun, url: str, migrated: psycopg.Connection
) -> None:
    successor = new_run()
    opened: list[psycopg.Connection] = []

    def connect() -> psycopg.Connection:
        if len(opened) == 1:
            end_session(migrated, opened[0].info.backend_pid)
            successor.open()
        opened.append(psycopg.connect(url, autocommit=True))
        return opened[-1]

    with pytest.raises(FencedError):
        new_run(connect).write(rows(Click(NOON, "c", "u"), Click(NOON, "d", "ü3")), query_id=QUERY, batch_id=0)
    assert len(opened) == 3, "the second session has joined, and then the first one was connected again"
    assert migrated.execute("select from raw_clicks").fetchall() == []


def test_writers_never_wait_for_each_other(
    new_run: NewRun, migrated: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Two users with many events reuse each other's ids, in one batch and across batches."""
    caplog.set_level(logging.INFO)
    sink, users = new_run(writers=4), ("u1", "ü3")
    for number in range(25):
        events: list[Event] = []
        for user, other in (users, users[::-1]):
            order = Checkout(NOON + number * MINUTE, f"k {number} {user}", user)
            former = Checkout(NOON, f"k {number - 1} {user}", other, amount="2", revision=1)
            events += [Click(NOON + number * MINUTE, f"c {number} {user}", user), order, former]
            events += [replace(former, user_id=user, revision=2, cancelled=number % 2 == 0)]
            events += [Click(NOON, f"c {number} {other}", user), replace(order, checkout_id=f"k {number} {other}")]
            events += [Refund(NOON, f"r {number}", order.checkout_id, user_id=user)]
        sink.write(rows(*events), query_id=QUERY, batch_id=number)
    assert "Retrying" not in caplog.text
    assert_consistent(migrated)


def test_a_checkout_that_is_erased_before_its_slice_begins_goes_to_its_new_user(
    new_run: NewRun, url: str, migrated: psycopg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    erasures: list[threading.Thread] = []

    class ErasingCursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
            if query == statements.LOCK_BATCHES and not erasures:
                erasures.append(threading.Thread(target=migrated.execute, args=("select erase_user('ü3')",)))
                erasures[0].start()
                with psycopg.connect(url, autocommit=True) as watcher:
                    waits = watcher.execute
                    wait_until(lambda: not erasures[0].is_alive() or waits(BLOCKED, ["batches"]).fetchall())
            return super().execute(query, *arguments, **options)

    first = new_run()
    first.write(rows(Checkout(NOON, "k", "ü3")), query_id=QUERY, batch_id=0)
    first.close()
    sink = new_run(lambda: psycopg.connect(url, autocommit=True, cursor_factory=ErasingCursor), fence_seconds=60)
    sink.write(rows(Click(NOON, "c", "u1"), Checkout(NOON, "k", "u1", revision=1)), query_id=QUERY, batch_id=1)
    erasures[0].join()
    assert "were erased" in caplog.text
    assert migrated.execute("select user_id from raw_checkouts").fetchall() == [("u1",)]
    assert credits(migrated) == {"k": "c"}
    assert migrated.execute(INCONSISTENT_USERS).fetchall() == []


@pytest.mark.parametrize("writers", [1, 2])
def test_closing_waits_for_the_batch_that_is_written(
    new_run: NewRun, migrated: psycopg.Connection, writers: int
) -> None:
    sink = new_run(writers=writers)
    with ThreadPoolExecutor() as threads:
        with migrated.transaction():
            migrated.execute("lock table raw_clicks in share mode")
            events = (Click(NOON, "c", "u1"), Click(NOON, "d", "ü3"))
            written = threads.submit(sink.write, rows(*events), query_id=QUERY, batch_id=0)
            wait_until(lambda: len(migrated.execute(BLOCKED, ["raw_clicks"]).fetchall()) == writers)
            closing = threads.submit(sink.close)
            time.sleep(0.3)
            assert not closing.done()
        closing.result()
        assert written.result().clicks == 2
    assert migrated.execute("select count(*) from raw_clicks").fetchone() == (2,)
