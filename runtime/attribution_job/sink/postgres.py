"""The sink: writes each micro-batch to PostgreSQL over one or several sessions, with retries."""

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
from runtime.attribution_job.sink import batch, fence, staging
from runtime.attribution_job.sink.counts import BatchCounts

RETRY_SECONDS = 300
# Conflicts with another session, after which the same batch can succeed.
RETRYABLE_CONFLICTS = (
    batch.StoredUserChangedError,
    fence.FenceLostError,
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.LockNotAvailable,
    errors.UniqueViolation,
)

log = logging.getLogger(__name__)


class SinkClosedError(Exception):
    """The sink takes no more batches, because the job is stopping."""


class PostgresSink:
    """Writes micro-batches over `writers` sessions, which are opened on demand. When one breaks, all are replaced.

    Each session writes the rows of some users in a transaction of its own (`batch`). A connected sink holds the lock of
    `fence`: no other sink can write to the database. `refusal` is the JobError that ended the last write, or null. It
    is kept here because Spark reports the error of a batch as text only.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection],
        join: Join,
        *,
        writers: int = 1,
        retry_seconds: float = RETRY_SECONDS,
        fence_seconds: float = fence.WAIT_SECONDS,
    ) -> None:
        self.refusal: JobError | None = None
        self._connect = connect
        self._join = join
        self._writers = writers
        self._sessions: list[psycopg.Connection] = []
        self._retry_seconds = retry_seconds
        self._fence_seconds = fence_seconds
        self._writing = threading.Lock()
        self._closing = threading.Event()

    def open(self) -> None:
        """Connects and takes the lock before the query starts.

        A run without the lock must not change the checkpoint of the run that writes.

        Raises:
            FencedError: another run writes to the database.
            psycopg.Error: the server could not be reached for RETRY_SECONDS.
        """
        with self._writing:
            self._retrying(self._open_sessions)

    def write(self, rows: Mapping[str, pa.Table], *, query_id: str, batch_id: int) -> BatchCounts:
        """Writes a micro-batch: the rows of a user in one transaction. The write is idempotent.

        Args:
            rows: tables by kind: `click`, `checkout` and `refund` (columns of `event_schema`), `dead_letter`
                (columns of DEAD_LETTER), and, when Spark joins, `candidate` (`checkout_id`, `click_id`,
                `click_timestamp`). A dead letter without a reason is counted as ignored.
            query_id: id of the streaming query.
            batch_id: number of the micro-batch within the query.

        Raises:
            SinkClosedError: the sink is closed.
            FencedError: the connection was lost, and another run writes to the database now.
            RestoredDatabaseError: the database lacks the query's previous batch.
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
        """Waits for the current transactions, without further retries. Later batches raise SinkClosedError."""
        self._closing.set()
        with self._writing:
            self._close_sessions()

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
        return batch.write(self._open_sessions(), rows, self._join, query_id=query_id, batch_id=batch_id)

    def _open_sessions(self) -> list[psycopg.Connection]:
        if not self._sessions or any(session.closed for session in self._sessions):
            self._close_sessions()
            try:
                self._open_session(lambda session: fence.take(session, self._closing, self._fence_seconds))
                for _ in range(1, self._writers):
                    self._open_session(fence.join)
            except BaseException:
                self._close_sessions()
                raise
        return self._sessions

    def _open_session(self, take_lock: Callable[[psycopg.Connection], None]) -> None:
        session = self._connect()
        self._sessions.append(session)
        take_lock(session)
        session.execute(staging.CREATE)

    def _close_sessions(self) -> None:
        for session in self._sessions:
            session.close()
        self._sessions.clear()


def worth_retrying(error: BaseException) -> bool:
    """Returns whether a retry can succeed.

    Retried are a broken connection, a server that is starting, stopping or full, and a conflict with another session.
    """
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return not isinstance(error, errors.QueryCanceled)
    return isinstance(error, RETRYABLE_CONFLICTS)


def oldest_arrival(rows: Mapping[str, pa.Table]) -> datetime | None:
    """Returns the earliest arrival time of the batch's records in Kinesis, or null for an empty batch."""
    arrivals = [pc.min(table["arrived_at"]).as_py() for kind, table in rows.items() if kind != "candidate"]
    return min(filter(None, arrivals), default=None)
