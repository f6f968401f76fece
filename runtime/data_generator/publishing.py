"""Publishes records to Kinesis within the limits of PutRecords, and retries until a time budget is spent."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotoConnectionError
from tenacity import Retrying, retry_if_exception, wait_random_exponential

from runtime.data_generator.events import Stream
from runtime.data_generator.simulation import Record

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# Limits of PutRecords. Sizes include partition keys. AWS has raised both sizes to 10 MiB, but not every endpoint has.
MAX_RECORDS = 500
MAX_REQUEST_BYTES = 5 * 1024 * 1024
MAX_RECORD_BYTES = 1024 * 1024

FULL_JITTER = wait_random_exponential(multiplier=0.1, max=5)  # seconds

# Error codes below HTTP 500 that a retry can cure. Codes that contain "Throttl" are transient too.
TRANSIENT_CODES = {"ProvisionedThroughputExceededException", "LimitExceededException"}


class PublishError(RuntimeError):
    """Kinesis did not accept every record. The message counts the missing records by stream, and has the last error."""


class NotAccepted(Exception):  # noqa: N818 - raised to trigger a retry; `publish` converts the last one
    """A PutRecords response (HTTP 200) has refused entries, or no time is left to send a request."""


def publish(
    client: "KinesisClient",
    stream_names: Mapping[Stream, str],
    records: Sequence[Record],
    budget_seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Publishes the records in order, both streams interleaved, and returns how many entries were sent again.

    A partly refused request is retried with its refused entries only. A request with a transient error
    (throttling, 5xx, connection) is retried whole. Retries back off with full jitter. Delivery is at least
    once: after a lost response, a record may be in the stream twice.

    Raises:
        PublishError: the budget is spent, or Kinesis answered with a permanent error, which is not retried.
        ValueError: a record is larger than Kinesis accepts.
    """
    deadline = clock() + budget_seconds
    unaccepted = Counter(record.stream for record in records)
    sent = 0
    retrying = Retrying(
        retry=retry_if_exception(_is_transient),
        wait=FULL_JITTER,
        stop=lambda state: clock() + state.upcoming_sleep >= deadline,
        sleep=sleep,
        reraise=True,
    )
    try:
        for stream, request in requests(records):
            if clock() >= deadline:
                raise NotAccepted("OutOfTime: the time budget was spent before the last request")
            pending = request
            for attempt in retrying:
                with attempt:
                    sent += len(pending)
                    refused, reason = _put(client, stream_names[stream], pending)
                    unaccepted[stream] -= len(pending) - len(refused)
                    pending = refused
                    if refused:
                        raise NotAccepted(reason)
    except (ClientError, BotoCoreError, NotAccepted) as error:
        raise PublishError(_failure_message(records, unaccepted, error)) from error
    return sent - len(records)


def requests(records: Iterable[Record]) -> Iterator[tuple[Stream, list[Record]]]:
    """Yields PutRecords requests, each as its stream and its records.

    Each slice of consecutive records becomes one request per stream. No stream gets ahead of the other in time.

    Raises:
        ValueError: a record is larger than Kinesis accepts.
    """
    for consecutive in _slices(records):
        by_stream: dict[Stream, list[Record]] = {}
        for record in consecutive:
            by_stream.setdefault(record.stream, []).append(record)
        yield from by_stream.items()


def _slices(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    batch_bytes = 0
    for record in records:
        size = len(record.data) + len(record.partition_key.encode())
        if size > MAX_RECORD_BYTES:
            raise ValueError(f"a record of {record.stream} has {size} bytes; Kinesis accepts {MAX_RECORD_BYTES}")
        if len(batch) == MAX_RECORDS or batch_bytes + size > MAX_REQUEST_BYTES:
            yield batch
            batch, batch_bytes = [], 0
        batch.append(record)
        batch_bytes += size
    if batch:
        yield batch


def _put(client: "KinesisClient", stream_name: str, records: Sequence[Record]) -> tuple[list[Record], str]:
    """Sends one request. Returns the refused records in order, and the reason of the last refusal."""
    response = client.put_records(
        StreamName=stream_name,
        Records=[{"Data": record.data, "PartitionKey": record.partition_key} for record in records],
    )
    # The response has one entry per record, in the order of the request.
    outcomes = list(zip(records, response["Records"], strict=True))
    refused = [record for record, entry in outcomes if "ErrorCode" in entry]
    reasons = [f"{entry['ErrorCode']}: {entry.get('ErrorMessage')}" for _, entry in outcomes if "ErrorCode" in entry]
    return refused, reasons[-1] if reasons else ""


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status >= 500 or "Throttl" in code or code in TRANSIENT_CODES
    return isinstance(error, NotAccepted | HTTPClientError | BotoConnectionError)


def _failure_message(records: Iterable[Record], unaccepted: Mapping[Stream, int], error: Exception) -> str:
    total = Counter(record.stream for record in records)
    shares = ", ".join(f"{unaccepted[stream]} of {total[stream]} {stream}" for stream in total)
    return f"not accepted: {shares}; last error: {type(error).__name__}: {error}"
