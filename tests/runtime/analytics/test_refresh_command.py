"""The command `refresh`: what it prints, its exit status, and how it ends and waits for a database."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from local.folder import PROJECT
from local.servers.postgres import Server
from runtime.analytics import priority
from runtime.analytics.__main__ import main
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.analytics.shops import TRAFFIC, rows, send
from tests.waiting import wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MAIL = TRAFFIC[5]


@pytest.fixture
def url(postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a migrated database, which is DATABASE_URL too."""
    url = postgres.url(database, "pipeline_analytics")
    monkeypatch.delenv("DATABASE_SECRET", raising=False)
    monkeypatch.setenv("DATABASE_URL", url)
    return url


@contextmanager
def running(url: str, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Runs the command as a process that is killed at the end of the block at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-m", "runtime.analytics", "refresh", *arguments],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: "subprocess.Popen[str]") -> str:
    """Returns the next line, without its time."""
    assert process.stdout
    return re.sub(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  ", "", process.stdout.readline()).rstrip("\n")


def test_it_prints_what_it_did(url: str, sink: PostgresSink, capsys: pytest.CaptureFixture[str]) -> None:
    send(sink, Click(NOON, "c", "u"), Click(NOON, "d", "v"), Checkout(NOON, "k", "u"), c=MAIL, d=MAIL)
    for arguments, message in (
        ([], "1 checkout and 1 user have another path ("),
        ([], "nothing has changed ("),
        (["--full"], "1 checkout and 1 user have another path ("),
    ):
        assert main(["refresh", *arguments]) == 0
        assert message in capsys.readouterr().out


def test_it_does_nothing_beside_another_refresh(
    url: str, migrated: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    migrated.execute("select pg_advisory_lock(1701015410)")
    assert main(["refresh"]) == 1
    assert "another refresh is running" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("login", "message"),
    [
        (None, "no database: set DATABASE_URL, or DATABASE_SECRET"),
        ("postgresql://u:s3cret/@h/d", "DATABASE_URL: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("postgresql://u:s3cret@127.0.0.1:9/d", "DATABASE_URL: connection failed: "),
    ],
)
def test_a_login_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], login: str | None, message: str
) -> None:
    monkeypatch.delenv("DATABASE_SECRET", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    if login:
        monkeypatch.setenv("DATABASE_URL", login)
    assert main(["refresh"]) == 2
    error = capsys.readouterr().err
    assert f"python -m runtime.analytics refresh: {message}" in error
    assert "s3cret" not in error


@pytest.mark.parametrize("user", ["pipeline_analyst", "pipeline_writer"])
def test_the_login_of_another_role_is_refused_with_the_remedy(
    postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], user: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres.url(database, user))
    assert main(["refresh"]) == 2
    assert "log in as pipeline_analytics or as the owner of the tables" in capsys.readouterr().err


def test_a_database_without_migrations_is_refused_with_the_remedy(
    postgres: Server,
    empty_database: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres.url(empty_database.info.dbname))
    assert main(["refresh"]) == 2
    assert "does not exist; apply this version's migrations to the database" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "86401"])
def test_a_period_that_cannot_be_used_is_refused(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["refresh", "--every", seconds])
    assert f"{seconds}: expected a number of seconds above 0" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_repetition_prints_changes_and_ends_with_an_interrupt(url: str, sink: PostgresSink, number: int) -> None:
    with running(url, "--every", "0.1") as process:
        assert line(process).startswith("nothing has changed")
        send(sink, Click(NOON, "c", "u"), Checkout(NOON, "k", "u"), c=MAIL)
        assert line(process).startswith("1 checkout and 0 users have another path")
        process.send_signal(number)
        rest, _ = process.communicate(timeout=30)
    assert (process.returncode, rest) == (130, "")


def test_an_interrupt_cancels_the_query_that_runs(
    url: str, postgres: Server, database: str, migrated: psycopg.Connection
) -> None:
    waiting = "select count(*) from pg_stat_activity where application_name = 'analytics-refresh' and state = 'active'"
    with psycopg.connect(postgres.url(database)) as holder:
        holder.execute("lock table refresh_state in access exclusive mode")
        with running(url) as process:
            wait_until(lambda: rows(migrated, waiting) == [(1,)])
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=30)
        wait_until(lambda: rows(migrated, waiting) == [(0,)])
    assert (process.returncode, rest) == (130, "")


def test_a_background_refresh_has_the_lowest_priority_on_both_sides(
    url: str, postgres: Server, database: str, migrated: psycopg.Connection
) -> None:
    waiting = "select pid from pg_stat_activity where application_name = 'analytics-refresh' and state = 'active'"
    with psycopg.connect(postgres.url(database)) as holder:
        holder.execute("lock table refresh_state in access exclusive mode")
        with running(url, "--background") as process:
            wait_until(lambda: rows(migrated, waiting))
            ((server_process,),) = rows(migrated, waiting)
            assert [os.getpriority(os.PRIO_PROCESS, number) for number in (process.pid, server_process)] == [19, 19]
            if (group := Path("/proc", str(server_process), "autogroup")).exists():
                assert group.read_text().split()[1:] == ["nice", "19"]
            holder.rollback()
            _, _ = process.communicate(timeout=120)
        assert process.returncode == 0


def test_a_server_process_of_another_machine_gets_no_priority(
    migrated: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = os.getpriority(os.PRIO_PROCESS, migrated.info.backend_pid)
    monkeypatch.setattr(priority, "PROCESSES", tmp_path)
    (tmp_path / str(migrated.info.backend_pid)).mkdir()
    (tmp_path / str(migrated.info.backend_pid) / "comm").write_text("java")
    priority.yield_processors_of_server(migrated)
    assert os.getpriority(os.PRIO_PROCESS, migrated.info.backend_pid) == former


def test_repetition_survives_a_database_that_goes_away(url: str, postgres: Server, database: str) -> None:
    name = sql.Identifier(database)
    with (
        psycopg.connect(postgres.url("postgres"), autocommit=True) as admin,
        running(url, "--every", "0.1") as process,
    ):
        assert line(process).startswith("nothing has changed")
        admin.execute(sql.SQL("alter database {} with allow_connections false").format(name))
        admin.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [database])
        assert line(process).startswith("the refresh fails, and is tried again every 0.1 s: ")
        time.sleep(1)  # Several attempts, which print nothing.
        admin.execute(sql.SQL("alter database {} with allow_connections true").format(name))
        assert line(process) == "the refresh works again"
