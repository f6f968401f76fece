"""The refresh of the attribution models without a deployment: a child process that repeats it."""

import os
import subprocess
import sys
import time
from typing import Self

import psycopg

from local.errors import RunError
from local.folder import data_folder
from local.servers import processes, signals
from runtime.analytics.refresh import refresh

PERIOD_SECONDS = 5
# The server ends the stopped process's query within seconds; a refresh of the user takes longer.
FINISH_SECONDS = 60


class RefreshProcess:
    """Runs `python -m runtime.analytics refresh` on a database within its `with` block, until `finish`.

    `failures`: how often the process has ended by itself, and was started again.
    """

    def __init__(self, database_url: str) -> None:
        self.failures = 0
        self.log_file = data_folder() / "refresh.log"
        self._url = database_url
        self._process: subprocess.Popen[bytes] | None = None
        self._next_check = 0.0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def check(self) -> None:
        """Starts the process again if it has ended, at most once in a period."""
        if time.monotonic() < self._next_check:
            return
        self._next_check = time.monotonic() + PERIOD_SECONDS
        if self._process and self._process.poll() is not None:
            self.failures += 1
            self._start()

    def finish(self) -> None:
        """Stops the process and refreshes once more, so that the views hold every stored event.

        Raises:
            RunError: the refresh failed, or another one did not end within FINISH_SECONDS.
        """
        self._stop()
        deadline = time.monotonic() + FINISH_SECONDS
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while refresh(connection).is_busy:
                    if time.monotonic() > deadline:
                        raise RunError(f"another refresh of the attribution models has run for {FINISH_SECONDS} s")
                    time.sleep(0.5)
        except psycopg.Error as error:
            raise RunError(f"the refresh of the attribution models failed: {error}; log: {self.log_file}") from error

    def _start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_SECRET"}
        with signals.deferred():
            self._process = processes.start(
                [sys.executable, "-m", "runtime.analytics", "refresh", "--background", "--every", str(PERIOD_SECONDS)],
                environment=environment | {"DATABASE_URL": self._url},
                log_file=self.log_file,
            )

    def _stop(self) -> None:
        if self._process:
            processes.stop(self._process)
            self._process = None
