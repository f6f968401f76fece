"""Tests of the command `python -m stacks.psql` with the emulator and the programs of session_programs.py."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stacks import psql, tunnel
from stacks.certificates import PACKAGE
from tests.stacks.conftest import ROOT
from tests.stacks.session_programs import DATABASE, LOGIN, deployed, has_recorded, install, recorded
from tests.waiting import wait_until

PASSWORD = LOGIN["password"]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    install(tmp_path)
    return tmp_path


@pytest.fixture
def in_the_cloud(emulator: str) -> Iterator[None]:
    """A deployed stack, and a server on the database's port, to which only the stand-in of psql connects."""
    if not PACKAGE.exists():
        pytest.skip("needs `npm ci`, for the certificates")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        with deployed({"AnalystHostId": "i-1"}, LOGIN | {"port": port}):
            yield


@contextmanager
def started(programs: Path, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """Starts the command in a process group of its own, as a shell does; kills what is left of it at the end."""
    environment = os.environ | {
        "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PGSERVICE": "another-database",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "stacks.psql", "dev", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def check_nothing_is_left(programs: Path) -> None:
    """Checks that the session was ended by SIGINT, and that no program still runs."""
    assert has_recorded(programs, "end")
    for name in ("aws", "plugin", "psql"):
        if has_recorded(programs, name):
            with pytest.raises(ProcessLookupError):
                os.kill(recorded(programs, name)["pid"], 0)


@pytest.mark.usefixtures("in_the_cloud")
def test_psql_runs_as_the_analyst_and_its_exit_status_is_passed_on(programs: Path) -> None:
    with started(programs, "-c", "select 1", "--help") as process:
        _, messages = process.communicate(timeout=110)
    assert process.returncode == 3, messages
    call = recorded(programs, "psql")
    assert call["arguments"] == ["-c", "select 1", "--help"]
    login = call["login"]
    assert login.pop("PGSSLROOTCERT").endswith(".pem")
    assert login.pop("PGPORT") == recorded(programs, "plugin")["arguments"][0]
    assert login == {
        "PGHOST": DATABASE,
        "PGHOSTADDR": "127.0.0.1",
        "PGDATABASE": "analytics",
        "PGUSER": "pipeline_analyst",
        "PGPASSWORD": PASSWORD,
        "PGSSLMODE": "verify-full",
    }
    assert call["authorities"].count("BEGIN CERTIFICATE") > 100
    check_nothing_is_left(programs)


@pytest.mark.usefixtures("in_the_cloud")
def test_the_password_is_in_no_argument_and_no_message(programs: Path) -> None:
    with started(programs) as process:
        output, messages = process.communicate(timeout=110)
    for name in ("aws", "plugin", "psql"):
        assert PASSWORD not in str(recorded(programs, name)["arguments"])
    assert PASSWORD not in output + messages


@pytest.mark.usefixtures("in_the_cloud")
def test_ctrl_c_cancels_a_query_and_keeps_the_session(programs: Path) -> None:
    with started(programs, "--wait") as process:
        wait_until(lambda: has_recorded(programs, "psql"), "psql")
        os.killpg(process.pid, signal.SIGINT)
        wait_until(lambda: has_recorded(programs, "cancelled"), "the cancelled query")
        assert not has_recorded(programs, "end")
        (programs / "finish").touch()
        _, messages = process.communicate(timeout=60)
    assert (process.returncode, messages) == (3, "opening a tunnel to dev\n")
    check_nothing_is_left(programs)


@pytest.mark.usefixtures("in_the_cloud")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_termination_signal_ends_psql_and_the_session(number: signal.Signals, programs: Path) -> None:
    with started(programs, "--wait") as process:
        wait_until(lambda: has_recorded(programs, "psql"), "psql")
        process.send_signal(number)
        _, messages = process.communicate(timeout=60)
    assert process.returncode == 130
    assert messages.endswith("interrupted; the tunnel is closed\n")
    check_nothing_is_left(programs)


@pytest.mark.usefixtures("in_the_cloud")
def test_ctrl_c_while_the_session_starts_ends_it(programs: Path) -> None:
    (programs / "deaf").touch()
    with started(programs) as process:
        wait_until(lambda: has_recorded(programs, "plugin"), "the plugin")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 130
    check_nothing_is_left(programs)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restores the signal handlers that the command replaces in this process."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_missing_psql_is_one_line_with_the_remedy(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (programs / "psql").unlink()
    monkeypatch.setenv("PATH", str(programs))
    assert psql.main(["dev"]) == 1
    assert capsys.readouterr().err == (
        "psql: psql is not installed, or not on the PATH: install PostgreSQL's client, for example by"
        " `apt-get install postgresql-client` or `brew install libpq`\n"
    )


@pytest.mark.usefixtures("handlers", "emulator")
def test_an_environment_that_is_not_deployed_is_one_line(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setattr(tunnel, "rds_certificates", lambda: "")
    assert psql.main(["prod"]) == 1
    opening, error = capsys.readouterr().err.splitlines()
    assert opening == "opening a tunnel to prod"
    assert error.startswith("psql: cannot read the stack ecommerce-streaming-prod-Database in us-east-1: ")


@pytest.mark.usefixtures("handlers")
def test_a_missing_region_is_one_line_with_the_variable(
    programs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setattr(tunnel, "rds_certificates", lambda: "")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(programs / "none"))
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    assert psql.main(["dev"]) == 1
    assert "no AWS region: set AWS_DEFAULT_REGION" in capsys.readouterr().err
