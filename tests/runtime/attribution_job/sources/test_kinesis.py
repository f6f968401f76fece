import json
import pickle
from typing import cast
from unittest.mock import sentinel

import boto3
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runtime.attribution_job.sources.kinesis import KinesisDataSource, KinesisStreamReader, Offsets
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis


def reader(kinesis: FakeKinesis, records_per_batch: int = 100) -> KinesisStreamReader:
    return KinesisStreamReader(lambda: kinesis, "clicks", records_per_batch)  # type: ignore[arg-type,return-value]


def read(source: KinesisStreamReader, start: Offsets) -> tuple[list[bytes], Offsets]:
    rows, end = source.read(start)
    # What Spark keeps is JSON.
    return [row[0] for row in rows], cast(Offsets, json.loads(json.dumps(end)))


def drain(source: KinesisStreamReader, offsets: Offsets) -> tuple[list[bytes], Offsets]:
    seen: list[bytes] = []
    while True:
        data, following = read(source, offsets)
        if following == offsets:
            return seen, offsets
        seen, offsets = seen + data, following


def test_it_reads_every_shard_from_the_oldest_record_on() -> None:
    kinesis = FakeKinesis(shards=3)
    for number in range(10):
        kinesis.put(b"%d" % number, shard=number)
    data, _ = read(reader(kinesis), {})
    assert sorted(data) == [b"%d" % number for number in range(10)]


def test_a_row_has_the_columns_of_the_glue_connector() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")
    source = KinesisDataSource({})
    rows, _ = reader(kinesis).read({})
    row = dict(zip(source.schema().names, next(iter(rows)), strict=True))
    assert list(row) == [
        "data",
        "streamName",
        "partitionKey",
        "sequenceNumber",
        "approximateArrivalTimestamp",
    ]
    assert (row["data"], row["streamName"], row["partitionKey"]) == (b"x", "clicks", "p")


def test_after_a_restart_it_resumes_from_its_sequence_numbers() -> None:
    kinesis = FakeKinesis()
    kinesis.put(b"before")
    _, offsets = read(reader(kinesis), {})
    kinesis.put(b"after")
    assert read(reader(kinesis), offsets)[0] == [b"after"]


def test_nothing_new_leaves_the_offsets_as_they_are() -> None:
    kinesis = FakeKinesis()
    source = reader(kinesis)
    assert read(source, {}) == ([], {})
    kinesis.put(b"x")
    _, offsets = read(source, {})
    assert read(source, offsets) == ([], offsets)


def test_a_batch_takes_no_more_than_its_share_of_each_shard() -> None:
    kinesis = FakeKinesis(shards=2)
    for number in range(40):
        kinesis.put(b"x", shard=number)
    assert len(read(reader(kinesis, records_per_batch=10), {})[0]) == 10


def test_an_expired_iterator_is_replaced() -> None:
    kinesis = FakeKinesis()
    source = reader(kinesis)
    kinesis.put(b"1")
    _, offsets = read(source, {})
    kinesis.expire()
    kinesis.put(b"2")
    assert read(source, offsets)[0] == [b"2"]


def test_children_are_read_after_their_parents_are_drained() -> None:
    kinesis = FakeKinesis(shards=1, page=2)
    kinesis.put(b"parent 1")
    kinesis.put(b"parent 2")
    kinesis.split()
    kinesis.put(b"child", shard=0)
    source = reader(kinesis, records_per_batch=1)
    assert drain(source, {})[0] == [b"parent 1", b"parent 2", b"child"]


def test_a_merged_shard_waits_for_both_of_its_parents() -> None:
    kinesis = FakeKinesis(shards=2, page=1)
    kinesis.put(b"a", shard=0)
    kinesis.put(b"b", shard=1)
    kinesis.put(b"c", shard=1)
    kinesis.merge()
    kinesis.put(b"child")
    assert drain(reader(kinesis, records_per_batch=2), {})[0][-1] == b"child"


def test_a_parent_that_retention_has_removed_holds_nothing_up() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"old")
    kinesis.split()
    kinesis.put(b"child")
    _, offsets = drain(reader(kinesis), {})
    kinesis.forget("shardId-000000000000")
    kinesis.put(b"new")
    data, offsets = read(reader(kinesis), offsets)
    assert data == [b"new"]
    assert "shardId-000000000000" not in offsets


def test_shards_are_listed_only_when_one_has_ended() -> None:
    kinesis = FakeKinesis(shards=1)
    source = reader(kinesis)
    offsets: Offsets = {}
    for _ in range(5):
        kinesis.put(b"x")
        _, offsets = read(source, offsets)
    assert kinesis.list_calls == 1
    kinesis.split()
    drain(source, offsets)
    assert kinesis.list_calls == 2


def test_a_batch_that_cannot_be_repeated_is_an_error_that_says_why() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")
    _, end = read(reader(kinesis), {})
    kinesis.records["shardId-000000000000"].clear()
    with pytest.raises(RuntimeError, match=r"stream clicks, shardId-000000000000: record .* is gone.*Checkpoint lost"):
        list(reader(kinesis).readBetweenOffsets({}, end))


def test_the_reader_can_be_sent_to_the_process_that_reads() -> None:
    options = {"stream": "clicks", "region": "eu-west-1", "records_per_batch": "5"}
    source = KinesisDataSource(options).simpleStreamReader(sentinel.schema)
    assert isinstance(pickle.loads(pickle.dumps(source)), KinesisStreamReader)


class ReshardedStream(RuleBasedStateMachine):
    """Whatever happens to the stream and the reader, every record is read once, and a batch repeats itself."""

    def __init__(self) -> None:
        super().__init__()
        self.kinesis = FakeKinesis(shards=2, page=2)
        self.source = reader(self.kinesis, records_per_batch=4)
        self.offsets: Offsets = {}
        self.put_count = 0
        self.seen: list[bytes] = []

    @rule(shard=st.integers(0, 5))
    def put(self, shard: int) -> None:
        self.kinesis.put(b"%d" % self.put_count, shard)
        self.put_count += 1

    @rule(shard=st.integers(0, 5))
    def split(self, shard: int) -> None:
        self.kinesis.split(shard)

    @rule()
    def merge(self) -> None:
        self.kinesis.merge()

    @rule()
    def expire_iterators(self) -> None:
        self.kinesis.expire()

    @rule()
    def restart(self) -> None:
        self.source = reader(self.kinesis, records_per_batch=4)

    @rule()
    def read_a_batch(self) -> None:
        data, end = read(self.source, self.offsets)
        again = reader(self.kinesis).readBetweenOffsets(self.offsets, end)
        assert sorted(row[0] for row in again) == sorted(data)
        self.seen += data
        self.offsets = end

    @invariant()
    def nothing_is_read_twice(self) -> None:
        assert len(self.seen) == len(set(self.seen))

    def teardown(self) -> None:
        rest, _ = drain(self.source, self.offsets)
        assert sorted(self.seen + rest) == sorted(b"%d" % number for number in range(self.put_count))


TestReshardedStream = ReshardedStream.TestCase


def test_a_real_stream_is_read_through_a_split_and_a_merge(emulator_url: str) -> None:
    client = boto3.client(
        "kinesis", endpoint_url=emulator_url, region_name="us-east-1",
        aws_access_key_id="local", aws_secret_access_key="local",
    )  # fmt: skip
    client.create_stream(StreamName="resharded", ShardCount=1)
    source = KinesisStreamReader(lambda: client, "resharded", 100)
    offsets: Offsets = {}
    seen: list[bytes] = []

    def put(count: int, label: str) -> None:
        records = [{"Data": f"{label} {i}".encode(), "PartitionKey": f"{i}"} for i in range(count)]
        client.put_records(StreamName="resharded", Records=records)  # type: ignore[arg-type]

    put(20, "before")
    client.split_shard(StreamName="resharded", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    put(20, "split")
    data, offsets = drain(source, offsets)
    seen += data
    client.merge_shards(
        StreamName="resharded",
        ShardToMerge="shardId-000000000001",
        AdjacentShardToMerge="shardId-000000000002",
    )
    put(20, "merged")
    seen += drain(KinesisStreamReader(lambda: client, "resharded", 100), offsets)[0]
    assert sorted(seen) == sorted(f"{label} {i}".encode() for label in ("before", "split", "merged") for i in range(20))
