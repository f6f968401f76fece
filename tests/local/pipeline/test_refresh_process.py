"""The refresh beside an undeployed pipeline, and by hand."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.__main__ import main
from local.errors import RunError
from local.pipeline import refresh_process
from local.pipeline.refresh_process import RefreshProcess
from local.servers import postgres
from local.servers.postgres import Server
from tests.local.databases import migrated
from tests.local.watching import arguments, processes_of
from tests.waiting import wait_until

CHECKOUT = """
insert into raw_checkouts (checkout_id, user_id, checkout_timestamp, total_amount, currency, arrived_at)
values (%s, 'u', now(), 1, 'EUR', now())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    with migrated(server, monkeypatch) as connection:
        yield connection


def paths(database: psycopg.Connection) -> int:
    (count,) = database.execute("select count(*) from checkout_paths").fetchone() or (0,)
    return int(count)


def refreshers(folder: Path) -> list[int]:
    return [process for process in processes_of(folder) if "runtime.analytics" in arguments(process)]


def test_it_refreshes_until_the_end_and_leaves_nothing_out(
    database: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refresh_process, "PERIOD_SECONDS", 0.1)
    with RefreshProcess(os.environ["DATABASE_URL"]) as refreshes:
        database.execute(CHECKOUT, ["k1"])
        wait_until(lambda: "1 checkout and 0 users have another path" in refreshes.log_file.read_text())
        database.execute(CHECKOUT, ["k2"])
        refreshes.finish()
        assert refreshers(tmp_path) == []
        assert paths(database) == 2
    assert refreshes.failures == 0


def test_a_process_that_dies_is_started_again_and_counted(
    database: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def has_failed_once() -> bool:
        refreshes.check()
        return refreshes.failures == 1

    monkeypatch.setattr(refresh_process, "PERIOD_SECONDS", 0.1)
    with RefreshProcess(os.environ["DATABASE_URL"]) as refreshes:
        wait_until(lambda: refreshers(tmp_path))
        os.kill(refreshers(tmp_path)[0], signal.SIGKILL)
        wait_until(has_failed_once)
        database.execute(CHECKOUT, ["k"])
        wait_until(lambda: paths(database) == 1)
    assert refreshers(tmp_path) == []


def test_a_last_refresh_that_fails_names_the_log(database: psycopg.Connection) -> None:
    with RefreshProcess(os.environ["DATABASE_URL"]) as refreshes:
        database.execute("drop table refresh_state cascade")
        with pytest.raises(RunError, match=r"(?s)the refresh of the attribution models failed: .*refresh\.log"):
            refreshes.finish()


def test_the_command_refreshes_by_hand(database: psycopg.Connection, capsys: pytest.CaptureFixture[str]) -> None:
    database.execute(CHECKOUT, ["k"])
    assert main(["refresh"]) == 0
    assert "1 checkout and 0 users have another path" in capsys.readouterr().out
    assert paths(database) == 1
