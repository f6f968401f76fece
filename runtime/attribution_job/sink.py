"""The end of the pipeline: one micro-batch, one transaction in PostgreSQL."""

import io
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import errors, sql
from pyarrow import csv
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_random_exponential,
)

from runtime.attribution_job import credit_statements, fence, history, statements
from runtime.attribution_job.arguments import Join
from runtime.attribution_job.attribution import WATERMARK_DELAY
from runtime.attribution_job.failures import JobError

RETRY_SECONDS = 300
STAGED = {
    "click": "staged_clicks",
    "checkout": "staged_checkouts",
    "dead_letter": "staged_dead_letters",
    "candidate": "staged_credits",
}
# Conflicts with another writer: the same transaction, tried again, can succeed.
REPEATABLE = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BatchCounts:
    """Rows that a micro-batch added, by table; `credits` are rows credited, at first or to an earlier click.

    `watermark`: an event older than this was late; the epoch until both streams have shown an event.
    """

    clicks: int
    checkouts: int
    dead_letters: int
    credits: int
    late: int
    duplicates: int
    unknown_fields: int
    watermark: datetime


class SinkClosedError(Exception):
    """The job is stopping."""


class PostgresSink:
    """Writes micro-batches over one connection that it opens when needed and replaces when it breaks.

    While it is connected, no other sink can write to the database. `refusal` is what ended it, if an operator has to
    act: the query only passes it on as text.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        join: Join,
        *,
        retry_seconds: float = RETRY_SECONDS,
        fence_seconds: float = fence.WAIT_SECONDS,
    ) -> None:
        self.refusal: JobError | None = None
        self._connect = connect
        self._join = join
        self._connection: psycopg.Connection | None = None
        self._retry_seconds = retry_seconds
        self._fence_seconds = fence_seconds
        self._writing = threading.Lock()
        self._closing = threading.Event()

    def open(self) -> None:
        """Connects ahead of the first batch, so that a run that may not write does not touch the checkpoint either.

        Raises:
            FencedError: another run writes.
            psycopg.Error: the server could not be reached for RETRY_SECONDS.
        """
        with self._writing:
            self._retrying(self._open_connection)

    def write(self, rows: Mapping[str, pa.Table], *, query_id: str, batch_id: int) -> BatchCounts:
        """Commits the batch or nothing of it; repeating a batch changes nothing.

        `rows` has a table for each kind of row (STAGED; `candidate` only where Spark joins), with columns of the
        table that it is staged in.

        Raises:
            FencedError: the connection was lost, and another run writes.
            RestoredDatabaseError: the batch before this one is missing.
            psycopg.Error: the server refused the batch, or could not be reached for RETRY_SECONDS.
        """
        with self._writing:
            if self._closing.is_set():
                raise SinkClosedError(f"batch {batch_id} came after the sink was closed; a restart replays it")
            try:
                return self._retrying(self._write_once, rows, query_id, batch_id)
            except JobError as error:
                self.refusal = error
                raise

    def close(self) -> None:
        """Lets a batch that is being written finish, but not be tried again; refuses what comes after."""
        self._closing.set()
        with self._writing:
            if self._connection:
                self._connection.close()

    @property
    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception(worth_retrying),
            wait=wait_random_exponential(multiplier=0.2, max=10),
            stop=stop_after_delay(self._retry_seconds) | stop_when_event_set(self._closing),
            sleep=sleep_using_event(self._closing),
            before_sleep=before_sleep_log(log, logging.WARNING),
            reraise=True,
        )

    def _write_once(self, rows: Mapping[str, pa.Table], query_id: str, batch_id: int) -> BatchCounts:
        connection = self._open_connection()
        with connection.transaction(), connection.cursor() as cursor:
            for kind, staged in rows.items():
                if len(staged):
                    copy(cursor, STAGED[kind], staged)
            received = {kind: len(staged) for kind, staged in rows.items()}
            return merge(cursor, received, self._join, query_id=query_id, batch_id=batch_id)

    def _open_connection(self) -> psycopg.Connection:
        if self._connection is None or self._connection.closed:
            connection = self._connect()
            try:
                fence.take(connection, self._closing, self._fence_seconds)
                connection.execute(statements.STAGE)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def merge(cursor: psycopg.Cursor, received: dict[str, int], join: Join, *, query_id: str, batch_id: int) -> BatchCounts:
    """Brings the staged rows into the tables; see `statements` for the order and why it converges."""
    batch: dict[str, Any] = {"query_id": query_id, "batch_id": batch_id, "delay": WATERMARK_DELAY}
    batch |= history.before(cursor, batch)
    clicks = checkouts = late_clicks = late_checkouts = credited = dead_letters = 0
    if received["click"]:
        clicks, late_clicks = one(cursor, statements.INSERT_CLICKS, batch)
    if received["checkout"]:
        checkouts, late_checkouts = one(cursor, statements.INSERT_CHECKOUTS, batch)
    duplicates = received["click"] + received["checkout"] - clicks - checkouts
    if duplicates:
        cursor.execute(credit_statements.MARK_LATE, batch)
    if received["click"] or received["checkout"]:
        credited = sum(one(cursor, statement, batch)[0] for statement in credit_statements.CREDIT[join])
    if received["dead_letter"]:
        dead_letters = one(cursor, statements.INSERT_DEAD_LETTERS, batch)[0]
    if duplicates:
        report_conflicts(cursor, batch_id)
    counts = BatchCounts(
        clicks=clicks,
        checkouts=checkouts,
        dead_letters=dead_letters,
        credits=credited,
        late=late_clicks + late_checkouts,
        duplicates=duplicates,
        unknown_fields=one(cursor, statements.UNKNOWN_FIELDS, batch)[0],
        watermark=batch["watermark"],
    )
    cursor.execute(statements.RECORD_BATCH, batch | asdict(counts))
    return counts


def worth_retrying(error: BaseException) -> bool:
    """The connection broke, the server is starting, stopping or full, or another writer was in the way."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return not isinstance(error, errors.QueryCanceled)
    return isinstance(error, REPEATABLE)


def oldest_arrival(rows: Mapping[str, pa.Table]) -> datetime | None:
    """When Kinesis took the oldest record of the batch; null if it has none."""
    arrivals = [pc.min(table["arrived_at"]).as_py() for kind, table in rows.items() if kind != "candidate"]
    return min(filter(None, arrivals), default=None)


def copy(cursor: psycopg.Cursor, table: str, rows: pa.Table) -> None:
    """COPY as CSV, in which an unquoted empty field is null and a quoted one is empty text."""
    copy_rows = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    )
    buffer = io.BytesIO()
    # Of a table that has an empty chunk, pyarrow 26 writes other bytes than those of its rows.
    csv.write_csv(rows.combine_chunks(), buffer, csv.WriteOptions(include_header=False, quoting_style="all_valid"))
    with cursor.copy(copy_rows) as stream:
        stream.write(buffer.getbuffer())


def one(cursor: psycopg.Cursor, statement: LiteralString, parameters: dict[str, Any]) -> tuple[Any, ...]:
    row = cursor.execute(statement, parameters).fetchone()
    if row is None:
        raise RuntimeError(f"no row from {statement}")
    return row


def report_conflicts(cursor: psycopg.Cursor, batch_id: int) -> None:
    ids = [row[0] for row in cursor.execute(statements.CONFLICTS)]
    if ids:
        log.warning(
            "events with a known id but other content; the first one stands",
            extra={"batch_id": batch_id, "count": len(ids), "ids": ids[:10]},
        )
