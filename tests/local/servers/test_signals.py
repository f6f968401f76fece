"""An interrupted command ends the processes that it has started, at whatever time the signal comes."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.servers import postgres, processes, signals
from local.servers.job import Job
from local.servers.signals import TERMINATION_SIGNALS

SLEEP = ("/bin/sleep", "600")


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    previous_handlers = {number: signal.getsignal(number) for number in TERMINATION_SIGNALS}
    signals.clean_up_when_interrupted()
    yield
    for number, handler in previous_handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """Returns a list of the started processes. Raises SIGTERM at each start, before the caller has the process."""
    popen, started_processes = processes._popen, []

    def interrupted(*arguments: Any) -> "subprocess.Popen[bytes]":
        started_processes.append(popen(*arguments))
        signal.raise_signal(signal.SIGTERM)
        return started_processes[-1]

    monkeypatch.setattr(processes, "_popen", interrupted)
    return started_processes


class Sleep(Job):
    """A job whose process only sleeps."""

    def __init__(self, log_file: Path) -> None:
        super().__init__([], {}, log_file)
        self._command = list(SLEEP)


def test_a_job_whose_start_was_interrupted_can_be_killed(
    started: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    job = Sleep(tmp_path / "job.log")
    with pytest.raises(KeyboardInterrupt):
        job.start()
    assert started[0].poll() is None
    job.kill()
    assert started[0].poll() == -signal.SIGKILL


def test_a_child_process_ends_after_an_interrupted_start(
    started: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt), processes.child(SLEEP, environment={}, log_file=tmp_path / "log"):
        pytest.fail("not interrupted")
    assert started[0].poll() == -signal.SIGTERM


def test_a_piped_child_process_ends_after_an_interrupted_start(started: list["subprocess.Popen[bytes]"]) -> None:
    with pytest.raises(KeyboardInterrupt), processes.piped(SLEEP, environment={}):
        pytest.fail("not interrupted")
    assert started[0].poll() == -signal.SIGKILL


def test_a_database_server_ends_after_an_interrupted_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def interrupted(command: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
        if command[-1] == "start":
            os.kill(os.getpid(), signal.SIGINT)
        return run(command, **options)

    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt), postgres.running(tmp_path):
        pytest.fail("not interrupted")
    assert (tmp_path / "data" / "server.log").exists()
    assert postgres.running_server(tmp_path) is None


def test_later_signals_do_not_interrupt_the_clean_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)
    with signals.deferred():
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)


def test_another_thread_can_start_processes() -> None:
    handlers: list[dict[signal.Signals, Any]] = []

    def start() -> None:
        with signals.deferred():
            handlers.append({number: signal.getsignal(number) for number in TERMINATION_SIGNALS})

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert handlers == [dict.fromkeys(TERMINATION_SIGNALS, signals._interrupt)]
