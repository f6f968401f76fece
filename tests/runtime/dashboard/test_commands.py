"""The command of the page: its address, its login, and its end."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.folder import PROJECT
from runtime.dashboard import server
from tests.runtime.dashboard.browser import Page


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    without = ("DATABASE_URL", "DATABASE_SECRET")
    variables = {name: value for name, value in os.environ.items() if name not in without}
    return subprocess.run(
        [sys.executable, "-m", "runtime.dashboard", *arguments],
        cwd=PROJECT,
        env=variables | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_without_a_database_names_the_remedy() -> None:
    result = run()
    assert result.returncode == 2
    assert "set DATABASE_URL" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_malformed_url_is_refused_without_its_password() -> None:
    result = run(DATABASE_URL="postgres:/writer:s3cret@db/shop")
    assert result.returncode == 2
    assert "expected postgresql://" in result.stderr
    assert "s3cret" not in result.stderr


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = run("--port", port, "--login-file", str(tmp_path / "login"))
    assert result.returncode == 2
    assert port in result.stderr


def test_the_default_port_gives_way_to_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(server, "DEFAULT_PORT", port)
        with server.listen(None) as listener:
            assert server.address(listener).startswith("http://127.0.0.1:")
            assert listener.getsockname()[1] != port


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_while_somebody_looks(page: Page, number: signal.Signals) -> None:
    with page.viewer() as viewer:
        viewer.snapshot()
        began = time.monotonic()
        page.process.send_signal(number)
        status = page.process.wait(20)
    assert status in (0, -signal.SIGTERM)
    assert time.monotonic() - began < 5
    assert "Traceback" not in page.log.read_text()
