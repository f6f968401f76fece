"""Each fault of PostgreSQL alone: the job's sink, logged in as the job is, through a proxy.

That an unreachable server is given up after the retry time, and what is not tried again, is in test_sink.py.
"""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
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
    at = NOON + minute * MINUTE
    clicks = [Click(at, f"c-{minute}-{user}", user) for user in USERS]
    return clicks, [Checkout(at + MINUTE, f"k-{minute}-{user}", user) for user in USERS]


def batch(number: int) -> pa.Table:
    """With the credits that Spark's join finds when it has seen both."""
    clicks, checkouts = events(number)
    pairs = zip(checkouts, events(0)[0], strict=True)
    return table(
        *map(click_row, clicks),
        *map(checkout_row, checkouts),
        *(candidate_row(checkout, click) for checkout, click in pairs),
        dead_letter_row(number, "not UTF-8", b"\xff", NOON),
    )


@pytest.fixture
def connect(server: Server, database: str, proxy: PostgresProxy) -> Callable[[], psycopg.Connection]:
    url = Server(port=proxy.port, password=server.password).url(database, "pipeline_writer")
    return lambda: psycopg.connect(url, autocommit=True)


@pytest.fixture
def sink(connect: Callable[[], psycopg.Connection]) -> Iterator[PostgresSink]:
    """Has written a batch already."""
    sink = PostgresSink(connect, "spark", retry_seconds=30)
    sink.write(batch(0), query_id=QUERY, batch_id=0)
    yield sink
    sink.close()


def write(sink: PostgresSink) -> None:
    sink.write(batch(1), query_id=QUERY, batch_id=1)


@pytest.fixture
def check(server: Server, database: str) -> Callable[[], None]:
    """Asserts that both batches are there, once, and every checkout with its click."""

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


def log_of(caplog: pytest.LogCaptureFixture) -> str:
    """What the sink said before it tried again."""
    return " ".join(record.getMessage() for record in caplog.records if record.name.endswith("sink"))


def test_without_faults_the_proxy_changes_nothing(sink: PostgresSink, check: Callable[[], None]) -> None:
    write(sink)
    check()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_in_the_middle_of_a_transaction_costs_nothing(
    sink: PostgresSink,
    proxy: PostgresProxy,
    server_folder: Path,
    check: Callable[[], None],
    mode: Literal["fast", "immediate"],
) -> None:
    happened = proxy.at("in transaction", lambda: postgres.restart(server_folder, mode=mode))
    write(sink)
    assert happened.wait(30)
    check()


def test_a_session_that_is_ended_in_its_transaction_costs_nothing(
    sink: PostgresSink,
    proxy: PostgresProxy,
    owner: psycopg.Connection,
    check: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    happened = proxy.at("in transaction", lambda: database_faults.terminate_writers(owner))
    write(sink)
    assert happened.wait(30)
    assert "AdminShutdown" in log_of(caplog)
    check()


@pytest.mark.parametrize("moment", ["before commit", "at commit", "commit answered"])
def test_a_commit_of_which_nothing_was_heard_is_not_doubled(
    sink: PostgresSink, proxy: PostgresProxy, owner: psycopg.Connection, check: Callable[[], None], moment: Moment
) -> None:
    seen: list[int] = []

    def cut() -> None:
        seen.extend(owner.execute("select count(*) from raw_clicks").fetchone() or ())
        proxy.cut()

    happened = proxy.at(moment, cut)
    write(sink)
    assert happened.wait(30)
    check()
    # The server had decided, and the sink did not know how.
    assert seen[0] in {"before commit": (10,), "at commit": (10, 20), "commit answered": (20,)}[moment]


def test_a_server_that_refuses_for_a_while_is_waited_for(
    sink: PostgresSink, proxy: PostgresProxy, check: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    """One second, where the job endures two minutes: its patience is five."""
    assert RETRY_SECONDS > 2 * 120
    proxy.refuse()
    began = time.monotonic()
    threading.Timer(1, proxy.accept).start()
    write(sink)
    assert time.monotonic() - began >= 1
    assert "refused" in log_of(caplog)
    check()


def test_a_deadlock_with_another_writer_is_tried_again(
    sink: PostgresSink,
    proxy: PostgresProxy,
    owner: psycopg.Connection,
    check: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with ThreadPoolExecutor() as threads:
        other = threads.submit(database_faults.deadlock, owner, proxy)
        wait_until(lambda: proxy.awaits("in transaction"))
        write(sink)
        other.result()
    assert "DeadlockDetected" in log_of(caplog)
    check()


def test_a_server_without_a_connection_to_spare_is_waited_for(
    sink: PostgresSink, owner: psycopg.Connection, check: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor() as threads:
        with database_faults.out_of_connections(owner):
            written = threads.submit(write, sink)
            wait_until(lambda: "too many connections" in log_of(caplog))
            assert not written.done()
        written.result()
    check()


@pytest.fixture
def disk(owner: psycopg.Connection, tmp_path: Path, server: Server, database: str) -> Iterator[Path]:
    """Where the database is: a file system of its own."""
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(database_faults.small_disk(tmp_path / "disk"))
        except PermissionError as error:
            pytest.skip(str(error))
        admin = stack.enter_context(psycopg.connect(server.url("postgres"), autocommit=True))
        stack.callback(admin.execute, "drop tablespace small")
        database_faults.create_tablespace(admin, directory)
        stack.callback(postgres.drop_database, server, database)
        owner.close()
        database_faults.move(admin, database)
        yield directory


def test_a_full_disk_is_waited_for(
    disk: Path,
    server: Server,
    database: str,
    connect: Callable[[], psycopg.Connection],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """From the first statement of a session on, which makes tables, and so needs space."""
    sink = PostgresSink(connect, "spark", retry_seconds=30)
    rows = table(*(click_row(Click(NOON, f"{number}", f"user-{number}")) for number in range(3000)))
    with ThreadPoolExecutor() as threads:
        with database_faults.full(disk):
            written = threads.submit(sink.write, rows, query_id=QUERY, batch_id=0)
            wait_until(lambda: log_of(caplog).count("No space left on device") > 1)
            assert not written.done()
        assert written.result(60).clicks == 3000
    sink.close()
    with psycopg.connect(server.url(database)) as owner:
        assert owner.execute("select count(*) from raw_clicks").fetchone() == (3000,)
