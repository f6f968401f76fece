"""Runs the tests on mutants, in copies of the project: the tree of the person who runs it stays as it is."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from local.folder import PROJECT
from local.servers import postgres, processes
from mutants.mutant import Mutant, Outcome

NOT_COPIED = shutil.ignore_patterns(
    *(".venv*", "node_modules", ".git", ".local", "__pycache__", ".*_cache", ".hypothesis", "results", "cdk.out"),
    *(".bundles", "sbom"),
)
# Of one test, and of the tests of a file on average. They take a fraction of that on an idle machine.
TEST_SECONDS = 120
FILE_SECONDS = 90
# For the clean-up of tests that are interrupted: they stop their servers.
STOP_SECONDS = 30


class InterruptedRunError(Exception):
    """The run was interrupted while tests ran."""


class Copy:
    """A copy of the project, in which one mutant at a time is tested."""

    def __init__(self, folder: Path, stopping: threading.Event) -> None:
        self._project = folder / "project"
        self._temporary = folder / "tmp"
        self._log = folder / "tests.log"
        self._stopping = stopping
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(PROJECT, self._project, ignore=NOT_COPIED)
        for name in (".venv", "node_modules"):
            if (PROJECT / name).exists():
                (self._project / name).symlink_to(PROJECT / name)

    def outcome(self, mutant: Mutant) -> Outcome:
        """Returns what the tests near the mutant's module make of it."""
        file = self._project / mutant.file
        source = file.read_text()
        file.write_text(mutant.change.apply(source))
        try:
            return self._run(mutant.tests)
        finally:
            file.write_text(source)

    def _run(self, tests: Sequence[str]) -> Outcome:
        self._log.unlink(missing_ok=True)
        # Failing examples would be tried first on the next mutant, and the outcome depend on the order of mutants.
        shutil.rmtree(self._project / ".hypothesis", ignore_errors=True)
        command = [
            *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0"),
            *(f"--timeout={TEST_SECONDS}", f"--basetemp={self._temporary}", *tests),
        ]
        # Python would take a changed file for its compiled former one if both have the same size and second.
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        process = processes.start(command, environment=environment, log_file=self._log, folder=self._project)
        try:
            status = self._status(process, FILE_SECONDS * len(tests))
        finally:
            processes.kill(process)
            self._stop_databases()
        if status is None:
            return "stopped"
        return "caught" if status else "survived"

    def _status(self, process: subprocess.Popen[bytes], seconds: float) -> int | None:
        """Waits for the tests; returns their exit status, or null when they take longer than `seconds`.

        Raises:
            InterruptedRunError: the run was interrupted.
        """
        deadline = time.monotonic() + seconds
        while process.poll() is None:
            if self._stopping.is_set() or time.monotonic() > deadline:
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
                if self._stopping.is_set():
                    raise InterruptedRunError
                return None
            time.sleep(0.05)
        return process.returncode

    def _stop_databases(self) -> None:
        """Stops the servers of tests that were killed."""
        for data in self._temporary.glob("**/postmaster.pid"):
            if postgres.running_server(data.parent.parent):
                postgres.stop(data.parent.parent)


def outcomes_of(mutants: Sequence[Mutant], workers: int, folder: Path) -> Generator[tuple[Mutant, Outcome, float]]:
    """Yields the outcome and the duration of each mutant, as soon as it is known. The caller closes the generator."""
    stopping = threading.Event()
    copies: SimpleQueue[Copy] = SimpleQueue()
    for number in range(workers):
        copies.put(Copy(folder / f"copy-{number}", stopping))

    def test(mutant: Mutant) -> tuple[Mutant, Outcome, float]:
        copy, start = copies.get(), time.monotonic()
        try:
            return mutant, copy.outcome(mutant), time.monotonic() - start
        finally:
            copies.put(copy)

    with ThreadPoolExecutor(workers) as threads:
        try:
            for future in as_completed([threads.submit(test, mutant) for mutant in mutants]):
                yield future.result()
        finally:
            stopping.set()
            threads.shutdown(cancel_futures=True)
            shutil.rmtree(folder, ignore_errors=True)
