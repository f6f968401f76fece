"""The job's log: one line of JSON for each micro-batch, and for each other event."""

import functools
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pyspark import SparkContext
from pyspark.sql.streaming.listener import (
    JStreamingQueryListener,
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)

from runtime.attribution_job.sink.counts import BatchCounts
from runtime.attribution_job.sources.offsets import behind_ms

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

log = logging.getLogger(__name__)


class ProgressLog(StreamingQueryListener):
    """Logs each micro-batch: Spark's measurements (durations, state, offsets) and the sink's counts in one line.

    `streams` are the names of the query's sources, in their order.
    """

    def __init__(self, streams: Sequence[str], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._streams = streams
        self._now = now
        self._written: dict[int, dict[str, Any]] = {}

    def written(self, batch_id: int, counts: BatchCounts, oldest_arrival: datetime | None) -> None:
        """Records a committed batch; `oldest_arrival` is the time at which Kinesis accepted its oldest record."""
        put_to_row = round((self._now() - oldest_arrival).total_seconds(), 3) if oldest_arrival else None
        self._written[batch_id] = asdict(counts) | {"put_to_row_seconds": put_to_row}

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802
        log.info("query started", extra={"query_id": str(event.id), "run_id": str(event.runId)})

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802
        self.log_progress(json.loads(event.progress.json))

    def log_progress(self, progress: Mapping[str, Any]) -> None:
        """Logs the progress of a written batch, as the JSON of Spark's `StreamingQueryProgress` has it."""
        written = self._written.pop(progress["batchId"], None)
        if written is None:
            return
        lag = consumer_lag(self._streams, progress["sources"])
        operators = progress["stateOperators"]
        log.info(
            "batch",
            extra={
                "query_id": progress["id"],
                "batch_id": progress["batchId"],
                **written,
                "batch_ms": progress["batchDuration"],
                "phases_ms": progress["durationMs"],
                "watermark_lag_seconds": watermark_lag(written["watermark"], self._now()),
                "consumer_lag_ms": max(lag.values(), default=None),
                "consumer_lag_ms_by_shard": lag,
                "state_rows": sum(operator["numRowsTotal"] for operator in operators),
                "state_bytes": sum(operator["memoryUsedBytes"] for operator in operators),
                "dropped_by_join": sum(operator["numRowsDroppedByWatermark"] for operator in operators),
            },
        )

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802
        pass

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802
        log.info("query ended", extra={"query_id": str(event.id), "error": event.exception})

    @functools.cached_property
    def _jlistener(self) -> "JavaObject":
        """The listener that Java calls. Replaces PySpark's own, which is slower; without this property it is used."""
        # The session exists when a listener is added.
        return SparkContext._jvm.PythonStreamingQueryListenerWrapper(_JsonListener(self))  # type: ignore[union-attr]


class _JsonListener(JStreamingQueryListener):
    """Takes a batch's progress from Java as one text.

    PySpark asks Java for every value. Each of the maps among them ends with an exception from Java. To translate one,
    PySpark makes Java search all jar files for two dozen classes that do not exist: a quarter of its work in a batch.
    """

    pylistener: ProgressLog

    def onQueryProgress(self, jevent: "JavaObject") -> None:  # noqa: N802
        self.pylistener.log_progress(json.loads(jevent.progress().json()))


def consumer_lag(streams: Sequence[str], sources: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Returns the milliseconds by which the batch's end was behind the end of each open shard, by "stream/shard".

    `sources` is Spark's progress by source. Glue's connector reports no lag.
    """
    return {
        f"{stream}/{shard_id}": milliseconds
        for stream, source in zip(streams, sources, strict=False)
        if isinstance(source["endOffset"], dict)
        for shard_id, milliseconds in behind_ms(source["endOffset"]).items()
    }


def watermark_lag(watermark: datetime, now: datetime) -> float | None:
    """Returns the seconds from the watermark to the clock; null until both streams have had an event."""
    return round((now - watermark).total_seconds(), 3) if watermark.timestamp() > 0 else None


def log_as_json() -> None:
    """Sends the log of this process to standard output, one JSON object a line."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("py4j").setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extra = {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
