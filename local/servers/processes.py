"""Child processes that never outlive what started them, and the ports that they take."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from local.folder import PROJECT
from local.servers import signals

STOP_SECONDS = 30
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


def free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_listening(port: int, seconds: float, is_alive: Callable[[], bool] = lambda: True) -> bool:
    """False when its process is no longer alive, or so many seconds have passed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and is_alive():
        if is_listening(port):
            return True
        time.sleep(0.05)
    return False


def start(
    command: Sequence[str], *, environment: Mapping[str, str], log_file: Path, folder: Path = PROJECT
) -> subprocess.Popen[bytes]:
    """Starts `command` in `folder`, in a session of its own: Ctrl-C is for us to handle."""
    with _appended(log_file) as log:
        return _popen(command, environment, folder, log, _end_with_parent if sys.platform == "linux" else None)


def start_detached(command: Sequence[str], *, environment: Mapping[str, str], log_file: Path) -> int:
    """Starts `command` in the project's folder, to outlive this process; returns its id."""
    with _appended(log_file) as log:
        return _popen(command, environment, PROJECT, log, None).pid


@contextmanager
def piped(command: Sequence[str], *, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`command` in the project's folder with its output in a pipe, to be read to its end; killed when left early."""
    process = None
    try:
        with signals.held():
            process = _popen(
                command, environment, PROJECT, subprocess.PIPE, _end_with_parent if sys.platform == "linux" else None
            )
        yield process
        process.wait()
    finally:
        if process:
            kill(process)


def _appended(log_file: Path) -> BinaryIO:
    log_file.parent.mkdir(parents=True, exist_ok=True)
    return log_file.open("ab")


def _popen(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    output: BinaryIO | int,
    before: Callable[[], None] | None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the project's own programs
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # Between fork and exec it makes one system call, which other threads cannot be in the way of.
        preexec_fn=before,  # noqa: PLW1509
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and after STOP_SECONDS SIGKILL to what is left of its session."""
    if process.poll() is None:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    while _session_lives(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    kill(process)


def stop_detached(process_id: int) -> None:
    """The same for a process that another one started."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            os.killpg(process_id, 0)
            time.sleep(0.05)
        os.killpg(process_id, signal.SIGKILL)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to its whole session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _session_lives(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def child(
    command: Sequence[str], *, environment: Mapping[str, str], log_file: Path
) -> Iterator[subprocess.Popen[bytes]]:
    process = None
    try:
        with signals.held():
            process = start(command, environment=environment, log_file=log_file)
        yield process
    finally:
        if process:
            stop(process)


def _end_with_parent() -> None:
    """Asks Linux for a SIGTERM when the thread that started this process ends, even by SIGKILL: prctl(2)."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
