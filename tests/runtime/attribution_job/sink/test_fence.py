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
# The job as a process, which gives up after a second instead of a minute.
IMPATIENT = """
import sys
from runtime.attribution_job import fence
fence.WAIT_SECONDS = float(sys.argv.pop(1))
from runtime.attribution_job.job import main
sys.exit(main(sys.argv[1:]))
"""
# A run that is killed in the middle of a statement.
SLOW = """
import sys, threading, psycopg
from runtime.attribution_job import fence
connection = psycopg.connect(sys.stdin.readline().strip(), autocommit=True)
fence.take(connection, threading.Event())
print("taken", flush=True)
connection.execute("select pg_sleep(60)")
"""


@pytest.fixture
def url(postgres: Server, database: str) -> str:
    return postgres.url(database, "pipeline_writer")


@pytest.fixture
def run(url: str) -> Iterator[Callable[..., PostgresSink]]:
    """Each call is another run of the job on one database."""
    runs: list[PostgresSink] = []

    def run(fence_seconds: float = 0.5) -> PostgresSink:
        runs.append(open_sink(url, "spark", fence_seconds))
        return runs[-1]

    yield run
    for sink in runs:
        sink.close()


def cut(connection: psycopg.Connection) -> None:
    """Ends the session of the run that writes, as a lost network does."""
    cut = connection.execute("select pg_terminate_backend(pid, 5000) from pg_locks where objid = %s", [fence.LOCK])
    assert cut.fetchall() == [(True,)]


def test_a_second_run_is_fenced_off_and_told_by_whom(
    run: Callable[..., PostgresSink], migrated: psycopg.Connection
) -> None:
    first, second, query = run(), run(), str(uuid4())
    first.write(table(click_row(CLICK)), query_id=query, batch_id=0)
    (pid,) = migrated.execute("select pid from pg_locks where objid = %s", [fence.LOCK]).fetchone() or (None,)
    with pytest.raises(FencedError, match=rf"pid {pid}, role pipeline_writer, .*since .*Two runs at once"):
        second.open()
    with pytest.raises(FencedError):
        second.write(table(checkout_row(CHECKOUT)), query_id=str(uuid4()), batch_id=0)
    first.write(table(checkout_row(CHECKOUT), candidate_row(CHECKOUT, CLICK)), query_id=query, batch_id=1)
    assert credits(migrated) == {"k": "c"}
    assert migrated.execute("select distinct query_id::text from batches").fetchall() == [(query,)]


def test_a_run_waits_for_one_that_is_just_ending(run: Callable[..., PostgresSink]) -> None:
    first, second = run(), run(fence_seconds=60)
    first.open()
    threading.Timer(0.4, first.close).start()
    second.open()


def test_a_run_that_lost_its_connection_is_fenced_off_when_another_has_taken_over(
    run: Callable[..., PostgresSink], migrated: psycopg.Connection
) -> None:
    first, second, query = run(), run(), str(uuid4())
    first.write(table(click_row(CLICK)), query_id=query, batch_id=0)
    cut(migrated)
    second.write(table(checkout_row(CHECKOUT)), query_id=str(uuid4()), batch_id=0)
    with pytest.raises(FencedError):
        first.write(table(click_row(Click(NOON, "d", "u"))), query_id=query, batch_id=1)
    assert isinstance(first.refusal, FencedError)
    assert migrated.execute("select click_id from raw_clicks").fetchall() == [("c",)]


def test_a_run_that_is_to_stop_does_not_wait_for_the_other(
    run: Callable[..., PostgresSink], caplog: pytest.LogCaptureFixture
) -> None:
    run().open()
    patient = run(fence_seconds=60)
    began = time.monotonic()
    with ThreadPoolExecutor() as threads:
        opened = threads.submit(patient.open)
        wait_until(lambda: "waiting for its end" in caplog.text)
        patient.close()
        with pytest.raises(FencedError):
            opened.result()
    assert time.monotonic() - began < 30


def test_a_run_waits_longer_than_the_server_keeps_a_lost_one(url: str) -> None:
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


def test_the_statement_of_a_killed_run_does_not_keep_its_successor_waiting(url: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT
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


@pytest.mark.parametrize(("patience", "told_to_stop", "status"), [(1, False, 1), (60, True, 0)])
def test_a_second_job_ends_before_it_touches_the_checkpoint(
    run: Callable[..., PostgresSink], url: str, tmp_path: Path, *, patience: int, told_to_stop: bool, status: int
) -> None:
    run().open()
    checkpoint, log = tmp_path / "checkpoint", tmp_path / "job.log"
    arguments = [
        "--clicks_stream", "clicks", "--checkouts_stream", "checkouts", "--region", "us-east-1",
        "--checkpoint", str(checkpoint),
    ]  # fmt: skip
    command = [sys.executable, "-c", IMPATIENT, str(patience), *arguments]
    with processes.child(command, environment=os.environ | {"DATABASE_URL": url}, log_file=log) as job:
        wait_until(lambda: "waiting for its end" in log.read_text())
        if told_to_stop:
            job.send_signal(signal.SIGTERM)
        assert job.wait(60) == status
    assert not checkpoint.exists()
    told = log.read_text()
    assert ('see \\"Two runs at once\\" in docs/operations.md' in told) is not told_to_stop
    assert "Traceback" not in told
