"""CPU time of the driver that no other thread can share: what more writers and more cores cannot shorten."""

import functools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from benchmarks.machine import descendants, process_seconds
from runtime.attribution_job.sink import transaction

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
# Java shows the first 15 characters of a thread's name: "stream execution thread for …".
QUERY_THREAD = "stream executio"


class DriverTime:
    """Measures the CPU time of the driver's Python and Java, and of Java's Python processes, from its creation on.

    Two threads do what only one can: Java's thread of the query, which plans each batch, and the thread of Python that
    takes the batch, cuts it into slices, and stores the first slice. The slices themselves are the writers' work.
    """

    def __init__(self, spark: SparkSession) -> None:
        self._java = int(spark._jvm.ProcessHandle.current().pid())  # type: ignore[union-attr]
        self._began = self._seconds()
        self._first_slices = 0.0
        self._batch_thread: int | None = None
        transaction.store = self._watched(transaction.store)

    def result(self) -> dict[str, float]:
        """Returns `cpu_seconds` of all, and the driver's `serial_seconds` among them. The query must not have ended."""
        own_thread = Path(f"/proc/self/task/{self._batch_thread}")
        query_threads = [path for path in Path(f"/proc/{self._java}/task").iterdir() if _name(path) == QUERY_THREAD]
        serial = _seconds(own_thread) - self._first_slices + sum(map(_seconds, query_threads))
        return {"serial_seconds": round(serial, 2), "cpu_seconds": round(self._seconds() - self._began, 2)}

    def _seconds(self) -> float:
        return time.process_time() + sum(map(process_seconds, descendants({self._java})))

    def _watched(self, store: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(store)
        def watched_store(*arguments: Any) -> Any:
            began = time.thread_time()
            try:
                return store(*arguments)
            finally:
                # The other slices have threads of a pool.
                if not threading.current_thread().name.startswith("ThreadPoolExecutor"):
                    self._batch_thread = threading.get_native_id()
                    self._first_slices += time.thread_time() - began

        return watched_store


def _seconds(thread: Path) -> float:
    """Returns the CPU time of a thread; 0 if it has ended."""
    try:
        times = (thread / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
    except OSError:
        return 0.0
    return sum(map(int, times)) / CLOCK_TICKS


def _name(thread: Path) -> str:
    """Returns the name of a thread; nothing if it has ended."""
    try:
        return (thread / "comm").read_text().strip()
    except OSError:
        return ""
