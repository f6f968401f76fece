"""The page on this machine: by its command, and beside the demo."""

import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from local.demo import shop_inputs
from local.page.process import PageProcess
from local.servers import postgres
from local.servers.postgres import Server
from tests.local.commands import leftovers, run, started
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with postgres.running(tmp_path_factory.mktemp("postgres")) as server:
        postgres.create_database(server, "shop")
        yield server


def status_of(url: str) -> int:
    """Returns the status of a response; 0 while nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_the_command_serves_the_database_of_its_variable_until_ctrl_c(tmp_path: Path, server: Server) -> None:
    with started(tmp_path, "dashboard", DATABASE_URL=server.url("shop")) as command:
        assert command.stdout
        line = command.stdout.readline()
        assert line.startswith("the page: http://127.0.0.1:")
        address = line.split()[2]
        wait_until(lambda: status_of(f"{address}live") == 200, "the page")
        assert status_of(f"{address}api/panels/performance") == 200
        command.send_signal(signal.SIGINT)
        _, err = command.communicate(timeout=30)
    assert (command.returncode, err) == (0, "")


def test_the_command_without_a_database_names_the_remedy(tmp_path: Path) -> None:
    result = run(tmp_path, "dashboard")
    assert result.returncode == 2
    assert "nothing has been deployed yet; run `make demo`" in result.stderr


def test_the_page_of_the_demo_is_up_before_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    (tmp_path / "page.login").write_text("the login of an earlier demo")
    with PageProcess() as page:
        assert status_of(f"{page.address}live") == 200, "the address works when it is printed"
        assert status_of(f"{page.address}api/filters") == 503
        page.connect(server.url("shop"))
        wait_until(lambda: status_of(f"{page.address}api/filters") == 200, "the database")
        assert (tmp_path / "page.login").stat().st_mode & 0o077 == 0
        assert page.failure is None
    assert not (tmp_path / "page.login").exists()
    assert leftovers(tmp_path) == []


def test_the_demo_learns_that_its_page_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    with PageProcess() as page:
        assert page.failure is None
        os.kill(server_of(), signal.SIGKILL)
        wait_until(lambda: page.failure is not None, "the end of the page")
        assert str(tmp_path / "page.log") in (page.failure or "")


def server_of() -> int:
    """Returns the process id of the newest page's server. Fixtures of other modules can have some, too."""
    command = ["pgrep", "--newest", "--parent", str(os.getpid()), "--full", "runtime.dashboard"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_the_inputs_of_the_shop_replace_nothing(server: Server) -> None:
    postgres.create_database(server, "inputs")
    with psycopg.connect(server.url("inputs"), autocommit=True) as connection:
        assert shop_inputs.load(connection)
        assert not shop_inputs.load(connection)
        connection.execute("delete from ad_spend; delete from exchange_rates where currency <> 'USD'")
        assert not shop_inputs.load(connection)
        assert connection.execute("select currency from exchange_rates").fetchall() == [("USD",)]
