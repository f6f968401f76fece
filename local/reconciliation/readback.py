"""Reads the records in Kinesis and the rows in PostgreSQL for the reconciliation."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, LiteralString

import psycopg

from local.reconciliation.comparison import Click, Record, Stored
from local.reconciliation.contract import Event
from runtime.data_generator.events import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CLICKS: LiteralString = "select click_id, user_id, click_timestamp from raw_clicks"
CHECKOUTS: LiteralString = """
select checkout_id, user_id, checkout_timestamp, total_amount, currency::text from raw_checkouts
"""
DEAD_LETTERS: LiteralString = "select stream_name, sequence_number from dead_letters"
ATTRIBUTED: LiteralString = """
select checkout_id, user_id, checkout_timestamp, total_amount, currency::text, click_timestamp, click_id
  from attributed_checkouts
"""


def read_streams(kinesis: "KinesisClient", streams: Mapping[Stream, str]) -> Iterator[Record]:
    """Yields every record of every shard, parent shards before their children. Publishing must have ended."""
    for stream, name in streams.items():
        shards = [
            shard for page in kinesis.get_paginator("list_shards").paginate(StreamName=name) for shard in page["Shards"]
        ]
        # Shard ids grow in order of creation, so parents come before their children.
        for shard_id in sorted(shard["ShardId"] for shard in shards):
            yield from _read_shard(kinesis, stream, name, shard_id)


def _read_shard(kinesis: "KinesisClient", stream: Stream, name: str, shard_id: str) -> Iterator[Record]:
    iterator: str | None = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while iterator:
        answer = kinesis.get_records(ShardIterator=iterator)
        for record in answer["Records"]:
            arrived_at = record["ApproximateArrivalTimestamp"].astimezone(UTC)
            yield Record(stream, shard_id, record["SequenceNumber"], arrived_at, record["PartitionKey"], record["Data"])
        if not answer["Records"] and answer.get("MillisBehindLatest", 0) == 0:
            return
        iterator = answer.get("NextShardIterator")


def read_database(connection: psycopg.Connection, streams: Mapping[Stream, str]) -> Stored:
    kinds = {name: stream for stream, name in streams.items()}
    return Stored(
        events={
            "clicks": [Event(row[0], row[1], _utc(row[2])) for row in connection.execute(CLICKS)],
            "checkouts": [Event(row[0], row[1], _utc(row[2]), row[3], row[4]) for row in connection.execute(CHECKOUTS)],
        },
        dead_letters=[(kinds[name], sequence_number) for name, sequence_number in connection.execute(DEAD_LETTERS)],
        attributed=[
            (Event(row[0], row[1], _utc(row[2]), row[3], row[4]), _click(row[5], row[6]))
            for row in connection.execute(ATTRIBUTED)
        ],
    )


def _click(at: datetime | None, click_id: str | None) -> Click | None:
    return None if at is None or click_id is None else (_utc(at), click_id)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
