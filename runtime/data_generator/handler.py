"""Lambda handler that simulates the shop for the triggering event and publishes the records to two streams."""

import functools
import logging
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config

from runtime.data_generator.events import Stream
from runtime.data_generator.invocation import read_event
from runtime.data_generator.publishing import publish
from runtime.data_generator.settings import Settings
from runtime.data_generator.simulation import fingerprint, simulate

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

log = logging.getLogger(__name__)

LOCAL_BUDGET_SECONDS = 60.0


class LambdaContext(Protocol):
    """The part of Lambda's context object that the handler uses."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Returns the milliseconds until Lambda ends the invocation."""


def handler(event: object, context: LambdaContext | None = None) -> dict[str, str | int]:
    """Publishes the simulated records of the triggering event and returns their counts.

    Deterministic: the same event publishes the same records, ids included.

    Returns:
        `invocation_id`; the numbers of records in the streams `clicks` and `checkouts`, and of `malformed`, `late`,
        `packed` and `retried` records among them; the number of `events` in all records.

    Raises:
        SettingsError: the payload or an environment variable is invalid.
        PublishError: Kinesis did not accept every record.
    """
    request_id = context.aws_request_id if context else ""
    invocation, overrides = read_event(event, request_id=request_id, now=datetime.now(UTC))
    settings = Settings.load(os.environ, overrides)
    records = simulate(settings, invocation)
    stream_names: dict[Stream, str] = {
        "clicks": settings.clicks_stream,
        "checkouts": settings.checkouts_stream,
    }
    retried = publish(kinesis(), stream_names, records, _budget_seconds(context))
    counts: dict[str, str | int] = {
        "invocation_id": invocation.id,
        "clicks": sum(record.stream == "clicks" for record in records),
        "checkouts": sum(record.stream == "checkouts" for record in records),
        "malformed": sum(record.defect is not None for record in records),
        "late": sum(record.late for record in records),
        "packed": sum(record.packed for record in records),
        "events": sum(record.events for record in records),
        "retried": retried,
    }
    # Every event id contains the first 16 digits of the fingerprint, which link a stored row to this log line.
    log.info("published", extra=counts | {"fingerprint": fingerprint(settings, invocation)})
    return counts


@functools.cache
def kinesis() -> "KinesisClient":
    """Returns the client that warm invocations share. It makes one attempt, because `publish` does the retries."""
    config = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 1})
    return boto3.client("kinesis", config=config)


def _budget_seconds(context: LambdaContext | None) -> float:
    """Returns four fifths of the remaining time. The last fifth is for the request in flight and the report."""
    return context.get_remaining_time_in_millis() / 1000 * 0.8 if context else LOCAL_BUDGET_SECONDS
