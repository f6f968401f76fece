"""A Spark data source over boto3 that gives what Glue's Kinesis connector gives, where that is not at hand.

Offsets say, for each shard, the sequence number of the last record read (null: none yet) and whether the
shard has ended:

    {"shardId-000000000000": {"after": "49590338271490256608559692538361571095921575989136588898", "ended": false}}

Records are read on the driver, one GetRecords loop a shard: enough for one machine.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

import boto3
from botocore.config import Config
from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader
from pyspark.sql.types import BinaryType, StringType, StructField, StructType, TimestampType

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import GetRecordsOutputTypeDef, RecordTypeDef, ShardTypeDef

FORMAT = "kinesis-boto3"
SCHEMA = StructType(
    [
        StructField("data", BinaryType()),
        StructField("streamName", StringType()),
        StructField("partitionKey", StringType()),
        StructField("sequenceNumber", StringType()),
        StructField("approximateArrivalTimestamp", TimestampType()),
    ]
)
# GetRecords returns at most this many records, and 10 MiB:
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
MOST_RECORDS_A_CALL = 10_000


class Position(TypedDict):
    after: str | None
    ended: bool


Offsets: TypeAlias = dict[str, Position]
Row: TypeAlias = tuple[Any, ...]
START: Position = {"after": None, "ended": False}


class KinesisDataSource(DataSource):
    """Options: `stream`, `region`, `records_per_batch`; the endpoint is boto3's ($AWS_ENDPOINT_URL_KINESIS)."""

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> StructType:
        return SCHEMA

    def simpleStreamReader(self, schema: StructType) -> "KinesisStreamReader":  # noqa: ARG002, N802
        connect = functools.partial(_connect, self.options["region"])
        return KinesisStreamReader(connect, self.options["stream"], int(self.options["records_per_batch"]))


class KinesisStreamReader(SimpleDataSourceStreamReader):
    def __init__(self, connect: "Callable[[], KinesisClient]", stream: str, records_per_batch: int) -> None:
        self._connect = connect
        self._stream = stream
        self._records_per_batch = records_per_batch
        self._shards: dict[str, ShardTypeDef] = {}
        self._iterators: dict[str, tuple[str | None, str]] = {}

    @functools.cached_property
    def _client(self) -> "KinesisClient":
        """Made on first use: Spark pickles the reader to the process that reads."""
        return self._connect()

    def initialOffset(self) -> Offsets:  # noqa: N802
        """The oldest record that every shard still keeps."""
        return {}

    def read(self, start: Offsets) -> tuple[Iterator[Row], Offsets]:
        """The next records of every readable shard, and the offsets behind them.

        Offsets change only together with records or with the end of a shard: Spark 4.1 never frees a batch
        that ends where it began.
        """
        if not self._shards:
            self._shards = self._list_shards()
        readable = readable_shards(self._shards, start)
        end = {shard_id: start[shard_id] for shard_id in start if shard_id in self._shards}
        rows: list[Row] = []
        shard_ended = False
        for shard_id in readable:
            share = max(1, self._records_per_batch // len(readable))
            position = start.get(shard_id, START)
            records, reached = self._read_shard(shard_id, position, share)
            rows.extend(records)
            end[shard_id] = reached
            shard_ended = shard_ended or reached["ended"]
        if shard_ended:
            self._shards = {}  # Children appear when their parent ends, and at no other time.
        return iter(rows), end if rows or shard_ended else start

    def readBetweenOffsets(self, start: Offsets, end: Offsets) -> Iterator[Row]:  # noqa: N802
        """Exactly the records that an earlier `read` gave, for a batch that has to be repeated."""
        for shard_id, position in end.items():
            before = start.get(shard_id, START)
            if position["after"] != before["after"]:
                yield from self._read_again(shard_id, before["after"], position["after"])

    def _read_shard(self, shard_id: str, position: Position, most: int) -> tuple[list[Row], Position]:
        rows: list[Row] = []
        after = position["after"]
        while len(rows) < most:
            response = self._get_records(shard_id, after, min(most - len(rows), MOST_RECORDS_A_CALL))
            rows.extend(map(self._row, response["Records"]))
            if response["Records"]:
                after = response["Records"][-1]["SequenceNumber"]
            following = response.get("NextShardIterator")
            if following is None:
                return rows, {"after": after, "ended": True}
            self._iterators[shard_id] = (after, following)
            if response.get("MillisBehindLatest", 0) == 0:
                break
        return rows, {"after": after, "ended": False}

    def _read_again(self, shard_id: str, after: str | None, last: str | None) -> Iterator[Row]:
        while after != last:
            response = self._get_records(shard_id, after, MOST_RECORDS_A_CALL)
            for record in response["Records"]:
                yield self._row(record)
                after = record["SequenceNumber"]
                if after == last:
                    return
            following = response.get("NextShardIterator")
            caught_up = not response["Records"] and response.get("MillisBehindLatest", 0) == 0
            if following is None or caught_up:
                raise RuntimeError(
                    f"stream {self._stream}, {shard_id}: record {last} is gone, so that the last batch cannot be"
                    " repeated; it is older than the stream's retention, or the stream was created anew; see"
                    ' "Checkpoint lost" in docs/operations.md'
                )
            self._iterators[shard_id] = (after, following)

    def _get_records(self, shard_id: str, after: str | None, limit: int) -> "GetRecordsOutputTypeDef":
        reached, iterator = self._iterators.pop(shard_id, (None, ""))
        if iterator and reached == after:
            try:
                return self._client.get_records(ShardIterator=iterator, Limit=limit)
            except self._client.exceptions.ExpiredIteratorException:
                pass  # Iterators live for five minutes; the position does not expire.
        return self._client.get_records(ShardIterator=self._iterator(shard_id, after), Limit=limit)

    def _iterator(self, shard_id: str, after: str | None) -> str:
        if after is None:
            response = self._client.get_shard_iterator(
                StreamName=self._stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
            )
        else:
            response = self._client.get_shard_iterator(
                StreamName=self._stream,
                ShardId=shard_id,
                ShardIteratorType="AFTER_SEQUENCE_NUMBER",
                StartingSequenceNumber=after,
            )
        return response["ShardIterator"]

    def _list_shards(self) -> "dict[str, ShardTypeDef]":
        pages = self._client.get_paginator("list_shards").paginate(StreamName=self._stream)
        shards = itertools.chain.from_iterable(page["Shards"] for page in pages)
        return {shard["ShardId"]: shard for shard in shards}

    def _row(self, record: "RecordTypeDef") -> Row:
        return (
            record["Data"],
            self._stream,
            record["PartitionKey"],
            record["SequenceNumber"],
            record["ApproximateArrivalTimestamp"],
        )


def _connect(region: str) -> "KinesisClient":
    retries = Config(retries={"mode": "standard", "total_max_attempts": 10}, connect_timeout=5, read_timeout=30)
    return boto3.client("kinesis", region_name=region, config=retries)


def readable_shards(shards: "Mapping[str, ShardTypeDef]", offsets: Offsets) -> list[str]:
    """Shards that have not ended and whose parents have: children come after everything in their parents.

    A parent that is no longer listed has outlived the stream's retention and holds nothing.
    """

    def ended(shard_id: str | None) -> bool:
        return shard_id is None or shard_id not in shards or offsets.get(shard_id, START)["ended"]

    return [
        shard_id
        for shard_id, shard in sorted(shards.items())
        if not ended(shard_id) and ended(shard.get("ParentShardId")) and ended(shard.get("AdjacentParentShardId"))
    ]
