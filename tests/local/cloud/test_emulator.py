import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from local.reconciliation.readback import read_streams
from tests.local.watching import listeners, listening_on, on_linux

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

numbers = itertools.count()
HALF = str(2**127)


@pytest.fixture
def kinesis(emulator: str) -> "KinesisClient":
    return boto3.client("kinesis")


@pytest.fixture
def stream(kinesis: "KinesisClient") -> Iterator[str]:
    """One shard with ten records."""
    name = f"resharded-{next(numbers)}"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    put(kinesis, name, range(10))
    yield name
    kinesis.delete_stream(StreamName=name)


def put(kinesis: "KinesisClient", stream: str, values: range) -> set[str]:
    """Puts the numbers, and returns the shards that they went to."""
    records: list[Any] = [{"Data": str(value).encode(), "PartitionKey": f"key-{value}"} for value in values]
    return {entry["ShardId"] for entry in kinesis.put_records(StreamName=stream, Records=records)["Records"]}


def shards(kinesis: "KinesisClient", stream: str) -> list[str]:
    return [shard["ShardId"] for shard in kinesis.list_shards(StreamName=stream)["Shards"]]


def last_answer(kinesis: "KinesisClient", stream: str, shard: str) -> Any:
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return kinesis.get_records(ShardIterator=iterator["ShardIterator"])


def split(kinesis: "KinesisClient", stream: str) -> tuple[str, list[str]]:
    """The parent and its children."""
    (parent,) = shards(kinesis, stream)
    kinesis.split_shard(StreamName=stream, ShardToSplit=parent, NewStartingHashKey=HALF)
    return parent, [shard for shard in shards(kinesis, stream) if shard != parent]


def test_a_split_shard_keeps_its_records_and_takes_no_more(kinesis: "KinesisClient", stream: str) -> None:
    parent, children = split(kinesis, stream)
    assert put(kinesis, stream, range(10, 60)) == set(children)
    assert len(last_answer(kinesis, stream, parent)["Records"]) == 10


def test_an_ended_shard_has_no_next_iterator_and_names_its_children(kinesis: "KinesisClient", stream: str) -> None:
    parent, children = split(kinesis, stream)
    answer = last_answer(kinesis, stream, parent)
    assert "NextShardIterator" not in answer
    assert [child["ShardId"] for child in answer["ChildShards"]] == children
    assert [child["ParentShards"] for child in answer["ChildShards"]] == [[parent]] * 2


def test_a_merged_shard_has_both_parents_and_they_keep_their_records(kinesis: "KinesisClient", stream: str) -> None:
    parent, (left, right) = split(kinesis, stream)
    put(kinesis, stream, range(10, 60))
    kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
    (merged,) = set(shards(kinesis, stream)) - {parent, left, right}
    for shard in (left, right):
        answer = last_answer(kinesis, stream, shard)
        assert answer["Records"]
        assert "NextShardIterator" not in answer
        assert [child["ShardId"] for child in answer["ChildShards"]] == [merged]


def test_after_resharding_everything_published_is_read_back_once(kinesis: "KinesisClient", stream: str) -> None:
    _, (left, right) = split(kinesis, stream)
    put(kinesis, stream, range(10, 60))
    kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
    put(kinesis, stream, range(60, 90))
    records = list(read_streams(kinesis, {"clicks": stream}))
    assert sorted(int(record.data) for record in records) == list(range(90))
    assert len({record.sequence_number for record in records}) == 90


def test_an_open_shard_goes_on(kinesis: "KinesisClient", stream: str) -> None:
    (shard,) = shards(kinesis, stream)
    answer = last_answer(kinesis, stream, shard)
    put(kinesis, stream, range(10, 12))
    records = kinesis.get_records(ShardIterator=answer["NextShardIterator"])["Records"]
    assert [record["Data"] for record in records] == [b"10", b"11"]


@on_linux
def test_it_listens_on_this_machines_own_address_only(emulator_url: str) -> None:
    """With all that it would start besides."""
    port = int(emulator_url.rpartition(":")[2])
    assert {(listener.address, listener.port) for listener in listeners(listening_on(port))} == {("127.0.0.1", port)}
