"""The end of the pipeline: one micro-batch, one transaction in PostgreSQL."""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import errors
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception,
    sleep_using_event,
    stop_after_delay,
    stop_when_event_set,
    wait_random_exponential,
)

from runtime.attribution_job.failures import JobError
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink import fence, statements
from runtime.attribution_job.sink.transaction import BatchCounts, merge

RETRY_SECONDS = 300
# Conflicts with another writer: the same transaction, tried again, can succeed.
REPEATABLE = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable, errors.UniqueViolation)

log = logging.getLogger(__name__)


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

        `rows` has the batch's `click`, `checkout` and `dead_letter` (columns of `events.event_schema` and DEAD_LETTER),
        and where Spark joins its `candidate`s for a credit (`checkout_id`, `click_id`, `click_timestamp`).

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
            return merge(cursor, rows, self._join, query_id=query_id, batch_id=batch_id)

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


def worth_retrying(error: BaseException) -> bool:
    """The connection broke, the server is starting, stopping or full, or another writer was in the way."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return not isinstance(error, errors.QueryCanceled)
    return isinstance(error, REPEATABLE)


def oldest_arrival(rows: Mapping[str, pa.Table]) -> datetime | None:
    """When Kinesis took the oldest record of the batch; null if it has none."""
    arrivals = [pc.min(table["arrived_at"]).as_py() for kind, table in rows.items() if kind != "candidate"]
    return min(filter(None, arrivals), default=None)
