"""Reads the records in Kinesis and the rows in PostgreSQL for the reconciliation."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg

from local.reconciliation.comparison import Record, Stored
from local.reconciliation.contract import Event, Kind
from local.reconciliation.credits import Click
from local.reconciliation.orders import Net
from runtime.data_generator.events import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# The columns are in the order of the fields of an event.
CLICKS: LiteralString = """
select click_id, user_id, click_timestamp, null, null, null, 0, false, false, is_bot from raw_clicks
"""
CHECKOUTS: LiteralString = """
select checkout_id, user_id, checkout_timestamp, total_amount, currency::text, null, revision, cancelled, test, false
  from raw_checkouts
"""
REFUNDS: LiteralString = """
select refund_id, user_id, refund_timestamp, amount, currency::text, checkout_id from raw_refunds
"""
DEAD_LETTERS: LiteralString = "select stream_name, sequence_number, record_index from dead_letters"
ATTRIBUTED: LiteralString = """
select checkout_id, user_id, checkout_timestamp, total_amount, currency::text, test, click_timestamp, click_id
  from attributed_checkouts
"""
NET: LiteralString = "select checkout_id, gross_amount, refunded_amount, excess_refund, net_amount from net_checkouts"
CONFLICTS: LiteralString = "select event_kind, event_id from conflicts"


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
            "click": _events("click", connection.execute(CLICKS)),
            "checkout": _events("checkout", connection.execute(CHECKOUTS)),
            "refund": _events("refund", connection.execute(REFUNDS)),
        },
        dead_letters=[(kinds[name], number, index) for name, number, index in connection.execute(DEAD_LETTERS)],
        attributed=[
            (Event("checkout", row[0], row[1], _utc(row[2]), row[3], row[4], test=row[5]), _click(row[6], row[7]))
            for row in connection.execute(ATTRIBUTED)
        ],
        net=[(checkout_id, Net(*amounts)) for checkout_id, *amounts in connection.execute(NET)],
        conflicts=[(kind, event_id) for kind, event_id in connection.execute(CONFLICTS)],
    )


def _events(kind: Kind, rows: Iterable[tuple[Any, ...]]) -> list[Event]:
    return [Event(kind, row[0], row[1], _utc(row[2]), *row[3:]) for row in rows]


def _click(at: datetime | None, click_id: str | None) -> Click | None:
    return None if at is None or click_id is None else (_utc(at), click_id)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
