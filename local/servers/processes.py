"""Child processes that end with this process, and the TCP ports of servers on this machine."""

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
    """Returns a TCP port of 127.0.0.1 that no process is using."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        return int(candidate.getsockname()[1])


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_listening(port: int, seconds: float, is_alive: Callable[[], bool] = lambda: True) -> bool:
    """Waits until a server listens on `port`; returns False after `seconds`, or when its process has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and is_alive():
        if is_listening(port):
            return True
        time.sleep(0.05)
    return False


def start(
    command: Sequence[str], *, environment: Mapping[str, str], log_file: Path, folder: Path = PROJECT
) -> subprocess.Popen[bytes]:
    """Starts `command` in `folder`, in a session of its own, so that the terminal's Ctrl-C does not reach it."""
    with _appended(log_file) as log:
        return _popen(command, environment, folder, log, _end_with_parent if sys.platform == "linux" else None)


def start_detached(command: Sequence[str], *, environment: Mapping[str, str], log_file: Path) -> int:
    """Starts `command` in the project's folder as a process that outlives this one. Returns its process id."""
    with _appended(log_file) as log:
        return _popen(command, environment, PROJECT, log, None).pid


@contextmanager
def piped(command: Sequence[str], *, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `command` in the project's folder within the block, with its output in a pipe.

    The block must read the output to the end. Waits for the process at the end, or kills it after an exception.
    """
    process = None
    try:
        with signals.deferred():
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
    child_setup: Callable[[], None] | None,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the project's own programs
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        # Python runs the hook between fork and exec, where a lock of another thread would block it. The hook makes a
        # single system call.
        preexec_fn=child_setup,  # noqa: PLW1509
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Sends SIGTERM to the process, and SIGKILL to all that remains of its session after at most STOP_SECONDS."""
    if process.poll() is None:
        process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    while _session_lives(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    kill(process)


def stop_detached(process_id: int) -> None:
    """Does the same as `stop` for a process that is no child of this process."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            os.killpg(process_id, 0)
            time.sleep(0.05)
        os.killpg(process_id, signal.SIGKILL)


def kill(process: subprocess.Popen[bytes]) -> None:
    """Sends SIGKILL to the whole session of the process."""
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
    """Runs `command` in the project's folder within the block, and stops it at the end."""
    process = None
    try:
        with signals.deferred():
            process = start(command, environment=environment, log_file=log_file)
        yield process
    finally:
        if process:
            stop(process)


def _end_with_parent() -> None:
    """Asks Linux to send SIGTERM to this process when the parent's thread that started it ends, even by SIGKILL.

    See prctl(2), PR_SET_PDEATHSIG.
    """
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
