"""Runs `python -m local …` as a child process with a data folder of the test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.folder import PROJECT
from tests.local.watching import arguments, processes_of

SECONDS = 110


@contextmanager
def started(folder: Path, *arguments: object, **environment: str) -> "Iterator[subprocess.Popen[str]]":
    """Starts a command; at the end of the block a running command gets SIGTERM, on which it cleans up."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "local", *map(str, arguments)],
        cwd=PROJECT,
        env=inherited | {"LOCAL_FOLDER": str(folder)} | environment,
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
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)


def run(
    folder: Path, *arguments: object, seconds: float = SECONDS, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Runs a command to its end, with a time limit."""
    with started(folder, *arguments, **environment) as process:
        out, err = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def leftovers(folder: Path) -> list[str]:
    """Returns the arguments of the processes of this data folder that are still running."""
    return [arguments(process) for process in processes_of(folder)]
