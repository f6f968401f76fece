"""A command that is interrupted ends what it has started, whenever the signal comes."""

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
from local.servers.signals import ENDING

SLEEP = ("/bin/sleep", "600")


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ENDING}
    signals.clean_up_when_interrupted()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """What is started; each time, a signal comes before the one who starts it can know."""
    start, processes_started = processes._popen, []

    def interrupted(*arguments: Any) -> "subprocess.Popen[bytes]":
        processes_started.append(start(*arguments))
        signal.raise_signal(signal.SIGTERM)
        return processes_started[-1]

    monkeypatch.setattr(processes, "_popen", interrupted)
    return processes_started


class Sleep(Job):
    def __init__(self, log_file: Path) -> None:
        super().__init__([], {}, log_file)
        self._command = list(SLEEP)


def test_a_job_whose_start_was_interrupted_can_be_ended(
    started: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    job = Sleep(tmp_path / "job.log")
    with pytest.raises(KeyboardInterrupt):
        job.start()
    assert started[0].poll() is None
    job.kill()
    assert started[0].poll() == -signal.SIGKILL


def test_a_child_whose_start_was_interrupted_has_ended(
    started: list["subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt), processes.child(SLEEP, environment={}, log_file=tmp_path / "log"):
        pytest.fail("not interrupted")
    assert started[0].poll() == -signal.SIGTERM


def test_a_child_whose_output_is_read_has_ended_too(started: list["subprocess.Popen[bytes]"]) -> None:
    with pytest.raises(KeyboardInterrupt), processes.piped(SLEEP, environment={}):
        pytest.fail("not interrupted")
    assert started[0].poll() == -signal.SIGKILL


def test_a_database_server_whose_start_was_interrupted_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_the_second_signal_does_not_interrupt_the_cleaning_up() -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGHUP)
    with signals.held():
        signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)


def test_another_thread_can_start_things_too() -> None:
    done: list[dict[signal.Signals, Any]] = []

    def start() -> None:
        with signals.held():
            done.append({number: signal.getsignal(number) for number in ENDING})

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert done == [dict.fromkeys(ENDING, signals._interrupt)]
