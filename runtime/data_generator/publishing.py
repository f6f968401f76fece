"""Put records into Kinesis: within its limits, sending again what it refuses, until the time is spent."""

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

# PutRecords' limits, partition keys included. AWS has raised the last two to 10 MiB; not every endpoint has.
MAX_RECORDS = 500
MAX_REQUEST_BYTES = 5 * 1024 * 1024
MAX_RECORD_BYTES = 1024 * 1024

FULL_JITTER = wait_random_exponential(multiplier=0.1, max=5)  # seconds

# What time heals among the answers below 500, beside those that call themselves throttling.
TRANSIENT_CODES = {"ProvisionedThroughputExceededException", "LimitExceededException"}


class PublishError(RuntimeError):
    """Not every record was accepted: the message counts them by stream and tells the last error."""


class NotAccepted(Exception):  # noqa: N818 - an answer to act upon, which never leaves this module
    """Kinesis left entries out of an answer of 200, or was not asked for lack of time."""


def publish(
    client: "KinesisClient",
    stream_names: Mapping[Stream, str],
    records: Sequence[Record],
    budget_seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Publish the records in order, the streams side by side; return how many entries were sent again.

    Of a request partly refused, the refused entries alone are sent again; of one that failed for a while
    (throttling, 5xx, connections), all; both after waits with full jitter. Raises PublishError when the
    budget is spent, or at once for an error that no waiting heals. Delivery is at least once: after a lost
    answer a record may be in the stream twice.
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
                raise NotAccepted("OutOfTime: the budget was spent before the last request")
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
        raise PublishError(_account(records, unaccepted, error)) from error
    return sent - len(records)


def requests(records: Iterable[Record]) -> Iterator[tuple[Stream, list[Record]]]:
    """Cut the records into PutRecords requests. Raises ValueError for a record that no request can hold.

    A slice of all streams becomes one request for each stream in it, so that no stream runs ahead in time.
    """
    for batch in _slices(records):
        by_stream: dict[Stream, list[Record]] = {}
        for record in batch:
            by_stream.setdefault(record.stream, []).append(record)
        yield from by_stream.items()


def _slices(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    batch_bytes = 0
    for record in records:
        size = len(record.data) + len(record.partition_key.encode())
        if size > MAX_RECORD_BYTES:
            raise ValueError(f"a record of {record.stream} has {size} bytes; Kinesis takes {MAX_RECORD_BYTES}")
        if len(batch) == MAX_RECORDS or batch_bytes + size > MAX_REQUEST_BYTES:
            yield batch
            batch, batch_bytes = [], 0
        batch.append(record)
        batch_bytes += size
    if batch:
        yield batch


def _put(client: "KinesisClient", stream_name: str, records: Sequence[Record]) -> tuple[list[Record], str]:
    """Send one request; return the refused records, in order, and why the last of them was refused."""
    response = client.put_records(
        StreamName=stream_name,
        Records=[{"Data": record.data, "PartitionKey": record.partition_key} for record in records],
    )
    # The answer has one entry for each of the request's, in the same order.
    answered = list(zip(records, response["Records"], strict=True))
    refused = [record for record, entry in answered if "ErrorCode" in entry]
    reasons = [f"{entry['ErrorCode']}: {entry.get('ErrorMessage')}" for _, entry in answered if "ErrorCode" in entry]
    return refused, reasons[-1] if reasons else ""


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status >= 500 or "Throttl" in code or code in TRANSIENT_CODES
    return isinstance(error, NotAccepted | HTTPClientError | BotoConnectionError)


def _account(records: Iterable[Record], unaccepted: Mapping[Stream, int], error: Exception) -> str:
    total = Counter(record.stream for record in records)
    shares = ", ".join(f"{unaccepted[stream]} of {total[stream]} {stream}" for stream in total)
    return f"not accepted: {shares}; last error: {type(error).__name__}: {error}"
