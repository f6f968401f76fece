"""The job as a process: how a test starts it and waits for its rows."""

import subprocess
import time
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from runtime.attribution_job.join.rule import Join

DEADLINE_SECONDS = 90


class StartJob(Protocol):
    """Starts the job with a join, and with more arguments."""

    def __call__(self, join: Join, *options: str) -> "subprocess.Popen[bytes]": ...


def wait_for(
    connection: psycopg.Connection, query: str, expected: int, log: Path, process: subprocess.Popen[bytes]
) -> None:
    """Polls the query until it returns `expected`; fails after DEADLINE_SECONDS, or when the job has ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    value = None
    while time.monotonic() < deadline:
        row = connection.execute(query.encode()).fetchone()
        value = row and row[0]
        if value == expected:
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])[-3000:]
    pytest.fail(
        f"expected {expected} from {query}, got {value}; the job (exit status {process.poll()}) logged last:\n{tail}"
    )
