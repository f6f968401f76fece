"""Measured child processes, the memory that they use, and a description of the machine."""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.folder import PROJECT
from local.servers import processes

# The environment of Flink, DuckDB and matplotlib.
BENCHMARKS_PYTHON = PROJECT / "benchmarks" / ".venv" / "bin" / "python"
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024**2
WATCH_SECONDS = 30
# Part of the command line of the benchmarks' server.
POSTGRES = ".local/bench/postgres"
ERROR_CHARACTERS = 1500


class BenchmarkError(RuntimeError):
    """A measured run failed. The message has the end of its log, or its last error."""


def measure(
    command: Sequence[object],
    log_file: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float = 1800,
    watch: Callable[[Path], None] = lambda _: None,
) -> dict[str, Any]:
    """Runs a benchmark module in a child process, and returns the JSON object with `seconds` that it prints last.

    `watch` is called with the log file every WATCH_SECONDS.

    Raises:
        BenchmarkError: the process failed, or took longer than `seconds`.
    """
    log_file.unlink(missing_ok=True)
    arguments = [str(word) for word in command]
    with processes.child(arguments, environment=environment or os.environ, log_file=log_file) as process:
        deadline = time.monotonic() + seconds
        while (exit_status := _exit_status(process)) is None:
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{arguments[1:3]} took more than {seconds} s; its log is {log_file}")
            watch(log_file)
    output = log_file.read_text(errors="replace")
    if exit_status:
        raise BenchmarkError(f"{arguments[1:3]} failed: {output[-ERROR_CHARACTERS:]}")
    last_result = next(line for line in reversed(output.splitlines()) if line.startswith('{"seconds"'))
    result: dict[str, Any] = json.loads(last_result)
    return result


def _exit_status(process: "subprocess.Popen[bytes]") -> int | None:
    """Waits up to WATCH_SECONDS for the exit status. Returns None if the process still runs."""
    try:
        return process.wait(WATCH_SECONDS)
    except subprocess.TimeoutExpired:
        return None


class Memory:
    """Samples the private memory of all descendants and of PostgreSQL. `peak_mb` is the largest sum."""

    def __init__(self) -> None:
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._stop.wait(0.5):
            self.peak_mb = max(self.peak_mb, sum(map(_private_mb, _process_family())))

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator["Memory"]:
        """Samples the memory twice a second until the context ends."""
        memory = cls()
        memory._thread.start()
        try:
            yield memory
        finally:
            memory._stop.set()
            memory._thread.join()


def memory_mb(process: int) -> float:
    """Returns the private memory of a process, its descendants, and the PostgreSQL server with its backends."""
    return sum(map(_private_mb, _process_family({process})))


def _process_family(roots: Iterable[int] = ()) -> list[int]:
    """Returns the ids of `roots` (default: this process), their descendants, and the PostgreSQL server's processes.

    pg_ctl detaches the server, so the server is recognized by its folder in the command line.
    """
    return sorted(descendants((set(roots) or {os.getpid()}) | set(_processes(POSTGRES))))


def descendants(roots: set[int]) -> set[int]:
    """Returns the ids of processes and of all their descendants."""
    parents: dict[int, int] = {}
    for entry in _process_folders():
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
    family = set(roots)
    while children := {child for child, parent in parents.items() if parent in family} - family:
        family |= children
    return family


def _processes(word: str) -> Iterator[int]:
    """Yields the ids of the processes with `word` in their command line."""
    for entry in _process_folders():
        try:
            if word.encode() in (entry / "cmdline").read_bytes():
                yield int(entry.name)
        except OSError:
            continue


def _process_folders() -> Iterator[Path]:
    return (entry for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def cpu_seconds(word: str) -> float:
    """Returns the CPU time of the processes with `word` in their command line, and of their ended children."""
    return sum(map(process_seconds, _processes(word)))


def process_seconds(process: int) -> float:
    """Returns the CPU time of a process and its ended children; 0 if the process has ended."""
    try:
        times = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:15]
        return sum(map(int, times)) / CLOCK_TICKS
    except (OSError, IndexError):
        return 0.0


def _private_mb(process: int) -> float:
    """Returns the resident memory without shared pages, because each backend maps the same shared buffers."""
    try:
        _, resident, shared = Path(f"/proc/{process}/statm").read_text().split()[:3]
    except OSError:
        return 0.0
    return (int(resident) - int(shared)) * PAGE_MB


def describe_machine() -> dict[str, Any]:
    """Returns the machine's CPU, memory, Python version and load average, as JSON values."""
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
