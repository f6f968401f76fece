"""Fixtures of the Lambda function: its environment, its context, and streams in the emulator."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest

from runtime.data_generator import handler as module
from runtime.data_generator.invocation import Invocation

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

EVENT = {"id": "event-1", "time": "2026-05-05T10:05:00Z", "detail-type": "Scheduled Event", "detail": {}}
INVOCATION = Invocation("event-1", datetime(2026, 5, 5, 10, 5, tzinfo=UTC))


class Context:
    aws_request_id = "request-1"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CLICKS_STREAM", "shop-clicks")
    monkeypatch.setenv("CHECKOUTS_STREAM", "shop-checkouts")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    module.kinesis.cache_clear()
    yield
    module.kinesis.cache_clear()


@pytest.fixture
def streams(emulator: str) -> "Iterator[KinesisClient]":
    client: KinesisClient = boto3.client("kinesis")
    for name, shards in (("shop-clicks", 2), ("shop-checkouts", 1)):
        client.create_stream(StreamName=name, ShardCount=shards)
    yield client
    for name in ("shop-clicks", "shop-checkouts"):
        client.delete_stream(StreamName=name)


def read_all(client: "KinesisClient", stream: str) -> dict[str, list[tuple[str, bytes]]]:
    """Returns the records of each shard by shard id, as (partition key, data), in order."""
    records_by_shard: dict[str, list[tuple[str, bytes]]] = {}
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records_by_shard[shard["ShardId"]] = shard_records = []
        while page := client.get_records(ShardIterator=iterator):
            shard_records += [(record["PartitionKey"], record["Data"]) for record in page["Records"]]
            iterator = page["NextShardIterator"]
            if not page["Records"]:
                break
    return records_by_shard
