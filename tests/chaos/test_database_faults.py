"""Each fault of PostgreSQL alone: the job's sink writes through a proxy, as the job's role.

Errors that the sink does not retry, and the end of its retries, are tested in
tests/runtime/attribution_job/sink/test_postgres.py.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import psycopg
import pyarrow as pa
import pytest

from chaos import database_faults
from chaos.postgres_proxy import Moment, PostgresProxy
from local.servers import postgres
from local.servers.postgres import Server
from runtime.attribution_job.sink.postgres import RETRY_SECONDS, PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, dead_letter_row, table
from tests.waiting import wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
QUERY = "00000000-0000-0000-0000-000000000007"
USERS = [f"user-{number}" for number in range(10)]


def events(minute: int) -> tuple[list[Click], list[Checkout]]:
    """Returns one click and one later checkout of each user."""
    at = NOON + minute * MINUTE
    clicks = [Click(at, f"c-{minute}-{user}", user) for user in USERS]
    return clicks, [Checkout(at + MINUTE, f"k-{minute}-{user}", user) for user in USERS]


def batch(number: int) -> pa.Table:
    """Returns a micro-batch with the events of minute `number`, candidate clicks of its checkouts and a dead letter."""
    clicks, checkouts = events(number)
    pairs = zip(checkouts, events(0)[0], strict=True)
    return table(
        *map(click_row, clicks),
        *map(checkout_row, checkouts),
        *(candidate_row(checkout, click) for checkout, click in pairs),
        dead_letter_row(number, "not UTF-8", b"\xff", NOON),
    )


@pytest.fixture(params=[1, 3], ids="{} writers".format)
def writers(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def sink(connect: Callable[[], psycopg.Connection], writers: int) -> Iterator[PostgresSink]:
    """Yields a sink that has written the first batch."""
    sink = PostgresSink(connect, "spark", writers=writers, retry_seconds=30)
    sink.write(batch(0), query_id=QUERY, batch_id=0)
    yield sink
    sink.close()


def write(sink: PostgresSink) -> None:
    sink.write(batch(1), query_id=QUERY, batch_id=1)


@pytest.fixture
def check(server: Server, database: str) -> Callable[[], None]:
    """Returns a function that asserts that both batches are stored once, with every checkout's first click."""

    def check() -> None:
        expected = {f"k-{minute}-{user}": f"c-0-{user}" for minute in (0, 1) for user in USERS}
        with psycopg.connect(server.url(database)) as owner:
            attributed = owner.execute("select checkout_id, click_id from attributed_checkouts").fetchall()
            orders = owner.execute("select user_id, order_count, lifetime_value::float8 from users").fetchall()
            counts = owner.execute("select (select count(*) from raw_clicks), (select count(*) from dead_letters)")
            added = owner.execute("select sum(clicks), sum(checkouts), sum(dead_letters) from batches")
            assert dict(attributed) == expected
            assert sorted(orders) == [(user, 2, 3.0) for user in USERS]
            assert (counts.fetchone(), added.fetchone()) == ((20, 2), (20, 20, 2))

    return check


def test_without_faults_the_proxy_changes_nothing(sink: PostgresSink, check: Callable[[], None]) -> None:
    write(sink)
    check()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_restart_during_a_transaction_loses_nothing(
    sink: PostgresSink,
    proxy: PostgresProxy,
    server_folder: Path,
    check: Callable[[], None],
    mode: Literal["fast", "immediate"],
) -> None:
    fault_occurred = proxy.at("in transaction", lambda: postgres.restart(server_folder, mode=mode))
    write(sink)
    assert fault_occurred.wait(30)
    check()


@pytest.mark.parametrize(
    "terminate", [database_faults.terminate_writers, database_faults.terminate_first_writer], ids=["all", "first"]
)
def test_a_session_terminated_in_its_transaction_loses_nothing(
    *,
    sink: PostgresSink,
    proxy: PostgresProxy,
    owner: psycopg.Connection,
    check: Callable[[], None],
    sink_log: Callable[[], str],
    terminate: Callable[[psycopg.Connection], None],
) -> None:
    fault_occurred = proxy.at("in transaction", lambda: terminate(owner))
    write(sink)
    assert fault_occurred.wait(30)
    assert "AdminShutdown" in sink_log()
    check()


@pytest.mark.parametrize("moment", ["before commit", "at commit", "commit answered"])
def test_a_commit_without_a_response_is_stored_once(
    *,
    sink: PostgresSink,
    writers: int,
    proxy: PostgresProxy,
    owner: psycopg.Connection,
    check: Callable[[], None],
    moment: Moment,
) -> None:
    """With several writers, one slice has no response, while the others commit or not."""
    stored_clicks: list[int] = []

    def cut() -> None:
        stored_clicks.extend(owner.execute("select count(*) from raw_clicks").fetchone() or ())
        proxy.cut()

    fault_occurred = proxy.at(moment, cut)
    write(sink)
    assert fault_occurred.wait(30)
    check()
    # At the cut, the server may have committed the second batch or not; the sink cannot know.
    if writers == 1:
        assert stored_clicks[0] in {"before commit": (10,), "at commit": (10, 20), "commit answered": (20,)}[moment]


def test_the_sink_retries_while_the_server_refuses_connections(
    sink: PostgresSink, proxy: PostgresProxy, check: Callable[[], None], sink_log: Callable[[], str]
) -> None:
    """Refuses for one second. `make chaos` refuses for two minutes, well within the job's retry time of five."""
    assert RETRY_SECONDS > 2 * 120
    proxy.refuse()
    start = time.monotonic()
    threading.Timer(1, proxy.accept).start()
    write(sink)
    assert time.monotonic() - start >= 1
    assert "refused" in sink_log()
    check()


def test_a_deadlock_with_another_writer_is_retried(
    sink: PostgresSink,
    proxy: PostgresProxy,
    owner: psycopg.Connection,
    check: Callable[[], None],
    sink_log: Callable[[], str],
) -> None:
    with ThreadPoolExecutor() as threads:
        other_writer = threads.submit(database_faults.deadlock, owner, proxy)
        wait_until(lambda: proxy.awaits("in transaction"))
        write(sink)
        other_writer.result()
    assert "DeadlockDetected" in sink_log()
    check()


def test_the_sink_retries_while_no_connection_is_free(
    sink: PostgresSink, owner: psycopg.Connection, check: Callable[[], None], sink_log: Callable[[], str]
) -> None:
    with ThreadPoolExecutor() as threads:
        with database_faults.out_of_connections(owner):
            written = threads.submit(write, sink)
            wait_until(lambda: "too many connections" in sink_log())
            assert not written.done()
        written.result()
    check()
