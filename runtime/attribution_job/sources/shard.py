"""One shard of a Kinesis stream, read page by page within Kinesis' limits."""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
from botocore.exceptions import ClientError, HTTPClientError

from runtime.attribution_job.sources.offsets import Position
from runtime.attribution_job.sources.records import to_batch

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# GetRecords returns at most 10,000 records and 10 MiB; a shard gives five responses and 2 MB a second:
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
MOST_RECORDS = 10_000
CALL_SECONDS = 0.2
BYTES_PER_SECOND = 2_000_000
# A shard that stays silent is asked less and less often, down to once a second.
SILENT_CALLS = 25
IDLE_SECONDS = 1.0
IDLE_FACTOR = 1.25
BACK_OFF_SECONDS = 0.4
MOST_BACK_OFF_SECONDS = 10.0
# Errors of the moment: the shard's limits, KMS' limits, and a service that is down.
TRANSIENT = {
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "KMSThrottlingException",
    "InternalFailure",
    "InternalFailureException",
    "ServiceUnavailable",
    "RequestTimeout",
}

T = TypeVar("T")

log = logging.getLogger(__name__)


class ReadingStoppedError(Exception):
    """The reader was stopped while it waited."""


@dataclass(frozen=True)
class Page:
    """Records of one GetRecords response, and the shard's position after them."""

    shard_id: str
    records: pa.RecordBatch
    position: Position

    @property
    def has_news(self) -> bool:
        """Whether the page changes the position: it has records, or the shard has ended."""
        return len(self.records) > 0 or self.position["ended"]

    @property
    def caught_up(self) -> bool:
        """Whether there was no record after the page when it was read."""
        return self.position["behind_ms"] == 0


class ShardReader:
    """Reads one shard from a position on."""

    def __init__(
        self, client: "KinesisClient", stream: str, shard_id: str, position: Position, stopping: threading.Event
    ) -> None:
        self._client = client
        self._stream = stream
        self._shard_id = shard_id
        self._after = position["after"]
        self._stopping = stopping
        self._iterator: str | None = None
        self._next_call = 0.0
        self._silent_calls = 0
        self._pause = CALL_SECONDS

    def read(self, most_records: int) -> Page:
        """Waits until Kinesis' limits allow a request, and returns the response's page, which may have no record.

        Throttled and failed requests are repeated with exponential back-off, for as long as they fail.

        Raises:
            ReadingStoppedError: `stopping` was set.
            ClientError: Kinesis refused the request for good.
        """
        response = with_back_off(
            lambda: self._get_records(min(most_records, MOST_RECORDS)),
            f"stream {self._stream}, {self._shard_id}",
            self._stopping,
        )
        records = response["Records"]
        batch = to_batch(self._stream, records)
        if records:
            self._after = records[-1]["SequenceNumber"]
        self._iterator = response.get("NextShardIterator")
        behind_ms = response.get("MillisBehindLatest", 0)
        self._pace(batch, idle=not records and behind_ms == 0)
        ended = self._iterator is None
        return Page(self._shard_id, batch, {"after": self._after, "ended": ended, "behind_ms": behind_ms})

    def _pace(self, batch: pa.RecordBatch, *, idle: bool) -> None:
        """Sets the earliest time of the next request."""
        self._silent_calls = self._silent_calls + 1 if idle else 0
        # Step by step: the factor to the power of the number of calls would overflow within an hour of silence.
        grown = self._pause * IDLE_FACTOR if self._silent_calls > SILENT_CALLS else CALL_SECONDS
        self._pause = min(IDLE_SECONDS, grown)
        self._next_call += max(self._pause, batch.nbytes / BYTES_PER_SECOND)

    def _get_records(self, limit: int) -> Any:
        self._wait_for_turn()
        if self._iterator:
            try:
                return self._client.get_records(ShardIterator=self._iterator, Limit=limit)
            except self._client.exceptions.ExpiredIteratorException:
                pass  # An iterator lives for five minutes; the position does not expire.
        self._iterator = self._new_iterator()
        return self._client.get_records(ShardIterator=self._iterator, Limit=limit)

    def _wait_for_turn(self) -> None:
        wait(self._next_call - time.monotonic(), self._stopping)
        self._next_call = time.monotonic()

    def _new_iterator(self) -> str:
        if self._after is None:
            response = self._client.get_shard_iterator(
                StreamName=self._stream, ShardId=self._shard_id, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            response = self._client.get_shard_iterator(
                StreamName=self._stream,
                ShardId=self._shard_id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=self._after,
            )
        return response["ShardIterator"]


def with_back_off(request: Callable[[], T], subject: str, stopping: threading.Event) -> T:
    """Returns the request's response; repeats it with exponential back-off and jitter while its error is transient.

    Raises:
        ReadingStoppedError: `stopping` was set.
        ClientError: Kinesis refused the request for good.
    """
    back_off = BACK_OFF_SECONDS
    while True:
        try:
            return request()
        except (ClientError, HTTPClientError) as error:
            if not is_transient(error):
                raise
            log.warning("%s: trying again: %s", subject, error)
        wait(random.uniform(back_off / 2, back_off), stopping)  # noqa: S311 - jitter
        back_off = min(2 * back_off, MOST_BACK_OFF_SECONDS)


def wait(seconds: float, stopping: threading.Event) -> None:
    """Waits; raises ReadingStoppedError once `stopping` is set."""
    if stopping.wait(max(0.0, seconds)):
        raise ReadingStoppedError


def is_transient(error: ClientError | HTTPClientError) -> bool:
    """Tells whether the same request can succeed later: the network failed, or Kinesis is throttling or down."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in TRANSIENT or status >= 500
    return True
