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
    """Creates a stream of one shard with ten records."""
    name = f"resharded-{next(numbers)}"
    kinesis.create_stream(StreamName=name, ShardCount=1)
    put(kinesis, name, range(10))
    yield name
    kinesis.delete_stream(StreamName=name)


def put(kinesis: "KinesisClient", stream: str, values: range) -> set[str]:
    """Puts one record for each number and returns the ids of the shards that received them."""
    records: list[Any] = [{"Data": str(value).encode(), "PartitionKey": f"key-{value}"} for value in values]
    return {entry["ShardId"] for entry in kinesis.put_records(StreamName=stream, Records=records)["Records"]}


def shards(kinesis: "KinesisClient", stream: str) -> list[str]:
    return [shard["ShardId"] for shard in kinesis.list_shards(StreamName=stream)["Shards"]]


def get_records(kinesis: "KinesisClient", stream: str, shard: str) -> Any:
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    return kinesis.get_records(ShardIterator=iterator["ShardIterator"])


def split(kinesis: "KinesisClient", stream: str) -> tuple[str, list[str]]:
    """Splits the only shard; returns the ids of the parent and its children."""
    (parent,) = shards(kinesis, stream)
    kinesis.split_shard(StreamName=stream, ShardToSplit=parent, NewStartingHashKey=HALF)
    return parent, [shard for shard in shards(kinesis, stream) if shard != parent]


def test_a_split_shard_keeps_its_records_and_accepts_no_more(kinesis: "KinesisClient", stream: str) -> None:
    parent, children = split(kinesis, stream)
    assert put(kinesis, stream, range(10, 60)) == set(children)
    assert len(get_records(kinesis, stream, parent)["Records"]) == 10


def test_a_drained_closed_shard_names_its_children_instead_of_a_next_iterator(
    kinesis: "KinesisClient", stream: str
) -> None:
    parent, children = split(kinesis, stream)
    response = get_records(kinesis, stream, parent)
    assert "NextShardIterator" not in response
    assert [child["ShardId"] for child in response["ChildShards"]] == children
    assert [child["ParentShards"] for child in response["ChildShards"]] == [[parent]] * 2


def test_the_parents_of_a_merged_shard_keep_their_records(kinesis: "KinesisClient", stream: str) -> None:
    parent, (left, right) = split(kinesis, stream)
    put(kinesis, stream, range(10, 60))
    kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
    (merged,) = set(shards(kinesis, stream)) - {parent, left, right}
    for shard in (left, right):
        response = get_records(kinesis, stream, shard)
        assert response["Records"]
        assert "NextShardIterator" not in response
        assert [child["ShardId"] for child in response["ChildShards"]] == [merged]


def test_every_record_is_read_back_once_after_resharding(kinesis: "KinesisClient", stream: str) -> None:
    _, (left, right) = split(kinesis, stream)
    put(kinesis, stream, range(10, 60))
    kinesis.merge_shards(StreamName=stream, ShardToMerge=left, AdjacentShardToMerge=right)
    put(kinesis, stream, range(60, 90))
    records = list(read_streams(kinesis, {"clicks": stream}))
    assert sorted(int(record.data) for record in records) == list(range(90))
    assert len({record.sequence_number for record in records}) == 90


def test_the_next_iterator_of_an_open_shard_returns_new_records(kinesis: "KinesisClient", stream: str) -> None:
    (shard,) = shards(kinesis, stream)
    response = get_records(kinesis, stream, shard)
    put(kinesis, stream, range(10, 12))
    records = kinesis.get_records(ShardIterator=response["NextShardIterator"])["Records"]
    assert [record["Data"] for record in records] == [b"10", b"11"]


@on_linux
def test_the_emulator_listens_on_the_loopback_address_only(emulator_url: str) -> None:
    """Includes the other servers that the emulator would start, such as its MQTT broker."""
    port = int(emulator_url.rpartition(":")[2])
    assert {(listener.address, listener.port) for listener in listeners(listening_on(port))} == {("127.0.0.1", port)}
