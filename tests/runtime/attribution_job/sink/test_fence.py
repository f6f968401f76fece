"""The advisory lock: only one run of the job writes to a database."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from local.folder import PROJECT
from local.servers import processes
from local.servers.postgres import Server
from runtime.attribution_job.failures import FencedError
from runtime.attribution_job.sink import fence
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.conftest import credits, open_sink
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, table
from tests.waiting import wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLICK, CHECKOUT = Click(NOON, "c", "u"), Checkout(NOON, "k", "u")
# Runs the job; the first argument replaces the seconds for which it waits for the lock.
JOB_SCRIPT = """
import sys
from runtime.attribution_job.sink import fence
fence.WAIT_SECONDS = float(sys.argv.pop(1))
from runtime.attribution_job.lifetime import main
sys.exit(main(sys.argv[1:]))
"""
# Takes the lock and executes a long statement, during which the test kills the process.
SLOW_STATEMENT_SCRIPT = """
import sys, threading, psycopg
from runtime.attribution_job.sink import fence
connection = psycopg.connect(sys.stdin.readline().strip(), autocommit=True)
fence.take(connection, threading.Event())
print("taken", flush=True)
connection.execute("select pg_sleep(60)")
"""


@pytest.fixture
def url(postgres: Server, database: str) -> str:
    return postgres.url(database, "pipeline_writer")


@pytest.fixture
def new_run(url: str) -> Iterator[Callable[..., PostgresSink]]:
    """Returns the sink of a new run of the job; all runs use the same database."""
    sinks: list[PostgresSink] = []

    def new_run(fence_seconds: float = 0.5) -> PostgresSink:
        sinks.append(open_sink(url, "spark", fence_seconds))
        return sinks[-1]

    yield new_run
    for sink in sinks:
        sink.close()


def end_writing_session(connection: psycopg.Connection) -> None:
    """Ends the session that holds the lock, as a network failure would."""
    ended = connection.execute("select pg_terminate_backend(pid, 5000) from pg_locks where objid = %s", [fence.LOCK])
    assert ended.fetchall() == [(True,)]


def test_a_second_run_fails_and_names_the_run_that_writes(
    new_run: Callable[..., PostgresSink], migrated: psycopg.Connection
) -> None:
    first, second, query = new_run(), new_run(), str(uuid4())
    first.write(table(click_row(CLICK)), query_id=query, batch_id=0)
    (pid,) = migrated.execute("select pid from pg_locks where objid = %s", [fence.LOCK]).fetchone() or (None,)
    with pytest.raises(FencedError, match=rf"pid {pid}, role pipeline_writer, .*since .*Two runs at once"):
        second.open()
    with pytest.raises(FencedError):
        second.write(table(checkout_row(CHECKOUT)), query_id=str(uuid4()), batch_id=0)
    first.write(table(checkout_row(CHECKOUT), candidate_row(CHECKOUT, CLICK)), query_id=query, batch_id=1)
    assert credits(migrated) == {"k": "c"}
    assert migrated.execute("select distinct query_id::text from batches").fetchall() == [(query,)]


def test_a_run_of_several_sessions_is_named_by_its_oldest_one(url: str, migrated: psycopg.Connection) -> None:
    first, second = open_sink(url, "postgres", writers=3), open_sink(url, "postgres", 0.1)
    try:
        first.open()
        pids = migrated.execute(
            "select pid from pg_locks join pg_stat_activity using (pid) where objid = %s order by backend_start",
            [fence.LOCK],
        ).fetchall()
        assert len(pids) == 3
        with pytest.raises(FencedError, match=rf"pid {pids[0][0]}, "):
            second.open()
    finally:
        first.close()
        second.close()


def test_a_session_cannot_join_while_another_run_takes_the_lock(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as taking, psycopg.connect(url, autocommit=True) as joining:
        taking.execute("select pg_advisory_lock(%s)", [fence.LOCK])
        with pytest.raises(fence.FenceLostError):
            fence.join(joining)


def test_a_run_waits_for_its_predecessor_to_end(new_run: Callable[..., PostgresSink]) -> None:
    first, second = new_run(), new_run(fence_seconds=60)
    first.open()
    threading.Timer(0.4, first.close).start()
    second.open()


def test_a_run_that_lost_its_connection_fails_after_a_takeover(
    new_run: Callable[..., PostgresSink], migrated: psycopg.Connection
) -> None:
    first, second, query = new_run(), new_run(), str(uuid4())
    first.write(table(click_row(CLICK)), query_id=query, batch_id=0)
    end_writing_session(migrated)
    second.write(table(checkout_row(CHECKOUT)), query_id=str(uuid4()), batch_id=0)
    with pytest.raises(FencedError):
        first.write(table(click_row(Click(NOON, "d", "u"))), query_id=query, batch_id=1)
    assert isinstance(first.refusal, FencedError)
    assert migrated.execute("select click_id from raw_clicks").fetchall() == [("c",)]


def test_a_stopped_run_does_not_wait_for_the_lock(
    new_run: Callable[..., PostgresSink], caplog: pytest.LogCaptureFixture
) -> None:
    new_run().open()
    waiting_run = new_run(fence_seconds=60)
    start = time.monotonic()
    with ThreadPoolExecutor() as threads:
        opening = threads.submit(waiting_run.open)
        wait_until(lambda: "waiting until it ends" in caplog.text)
        waiting_run.close()
        with pytest.raises(FencedError):
            opening.result()
    assert time.monotonic() - start < 30


def test_a_run_waits_longer_than_a_lost_clients_session_lives(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        fence.take(connection, threading.Event())
        idle, interval, count, unconfirmed_ms = (
            int((connection.execute("select setting from pg_settings where name = %s", [name]).fetchone() or "0")[0])
            for name in (
                "tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout",
            )
        )  # fmt: skip
    assert 0 < idle + interval * count < fence.WAIT_SECONDS
    assert 0 < unconfirmed_ms / 1000 < fence.WAIT_SECONDS


def test_a_killed_runs_statement_does_not_delay_its_successor(url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_STATEMENT_SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    ) as killed:
        try:
            assert killed.stdin
            assert killed.stdout
            killed.stdin.write(url + "\n")
            killed.stdin.flush()
            assert killed.stdout.readline() == "taken\n"
            time.sleep(0.2)
        finally:
            killed.kill()
    successor = PostgresSink(lambda: psycopg.connect(url, autocommit=True), "spark", fence_seconds=20)
    successor.open()
    successor.close()


@pytest.mark.parametrize(("lock_seconds", "send_sigterm", "exit_status"), [(1, False, 1), (60, True, 0)])
def test_a_second_job_ends_before_it_touches_the_checkpoint(
    new_run: Callable[..., PostgresSink],
    url: str,
    tmp_path: Path,
    *,
    lock_seconds: int,
    send_sigterm: bool,
    exit_status: int,
) -> None:
    new_run().open()
    checkpoint, log = tmp_path / "checkpoint", tmp_path / "job.log"
    arguments = [
        "--clicks_stream", "clicks", "--checkouts_stream", "checkouts", "--region", "us-east-1",
        "--checkpoint", str(checkpoint),
    ]  # fmt: skip
    command = [sys.executable, "-c", JOB_SCRIPT, str(lock_seconds), *arguments]
    with processes.child(command, environment=os.environ | {"DATABASE_URL": url}, log_file=log) as job:
        wait_until(lambda: "waiting until it ends" in log.read_text())
        if send_sigterm:
            job.send_signal(signal.SIGTERM)
        assert job.wait(60) == exit_status
    assert not checkpoint.exists()
    log_text = log.read_text()
    assert ('see \\"Two runs at once\\" in docs/operations.md' in log_text) is not send_sigterm
    assert "Traceback" not in log_text
