"""Child processes with their time and memory, and what machine this is."""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.folder import PROJECT
from local.servers import processes

OTHER_PYTHON = PROJECT / "benchmarks" / ".venv" / "bin" / "python"
# The Pythons that have a Spark: Glue's, and one whose join finds its state by time (session.join_state_format).
SPARKS = {
    "4.1": Path(sys.executable),
    "4.3": PROJECT / "benchmarks" / ".venv-spark-4.3" / "bin" / "python",
}
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024**2
WATCH_SECONDS = 30
TAIL_CHARACTERS = 1500


class CompetitorError(RuntimeError):
    """A competitor failed; the message has the end of what it wrote."""


def measure(
    command: Sequence[object],
    log_file: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float = 1800,
    watch: Callable[[Path], None] = lambda _: None,
) -> dict[str, Any]:
    """Runs one of our modules, and gives the line of JSON with its `seconds`; `watch` sees the log every now and then.

    Raises:
        CompetitorError: it failed, or took longer than `seconds`.
    """
    log_file.unlink(missing_ok=True)
    arguments = [str(word) for word in command]
    with processes.child(arguments, environment=environment or os.environ, log_file=log_file) as process:
        deadline = time.monotonic() + seconds
        while (status := _status(process)) is None:
            if time.monotonic() > deadline:
                raise CompetitorError(f"{arguments[1:3]} took more than {seconds} s")
            watch(log_file)
    written = log_file.read_text(errors="replace")
    if status:
        raise CompetitorError(f"{arguments[1:3]} failed: {written[-TAIL_CHARACTERS:]}")
    last = next(line for line in reversed(written.splitlines()) if line.startswith('{"seconds"'))
    result: dict[str, Any] = json.loads(last)
    return result


def _status(process: "subprocess.Popen[bytes]") -> int | None:
    try:
        return process.wait(WATCH_SECONDS)
    except subprocess.TimeoutExpired:
        return None


class Memory:
    """Samples the resident memory of all of our descendants, PostgreSQL's backends included; `peak_mb` is the most."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._stop.wait(0.5):
            self.peak_mb = max(self.peak_mb, sum(map(_private_mb, _related())))

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator["Memory"]:
        memory = cls()
        memory._thread.start()
        try:
            yield memory
        finally:
            memory._stop.set()
            memory._thread.join()


def _related() -> list[int]:
    """Our descendants, and the server with its backends, which pg_ctl detaches: it is known by its folder."""
    parents: dict[int, int] = {}
    postgres: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if b".local/bench" in (entry / "cmdline").read_bytes():
                    postgres.add(int(entry.name))
            except (OSError, IndexError):
                continue
    family = {os.getpid()} | postgres
    grown = True
    while grown:
        children = {child for child, parent in parents.items() if parent in family} - family
        family |= children
        grown = bool(children)
    return sorted(family)


def _private_mb(process: int) -> float:
    """Resident less shared pages: PostgreSQL's shared buffers would count once a backend."""
    try:
        _, resident, shared = Path(f"/proc/{process}/statm").read_text().split()[:3]
    except OSError:
        return 0.0
    return (int(resident) - int(shared)) * PAGE_MB


def describe() -> dict[str, Any]:
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3
    return {
        "cpu": cpu,
        "cpus": os.cpu_count(),
        "memory_gib": round(memory_gib, 1),
        "python": sys.version.split()[0],
        "load_before": os.getloadavg()[0],
    }
