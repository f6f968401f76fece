import boto3
from botocore.config import Config
from mypy_boto3_kinesis import KinesisClient

from tests.runtime.attribution_job.sources.reading import Query, new_reader


def connect(url: str) -> KinesisClient:
    return boto3.client(
        "kinesis", endpoint_url=url, region_name="us-east-1", config=Config(max_pool_connections=20),
        aws_access_key_id="local", aws_secret_access_key="local",
    )  # fmt: skip


def test_a_real_stream_is_read_through_a_split_and_a_merge(emulator_url: str) -> None:
    producer, consumer = connect(emulator_url), connect(emulator_url)
    producer.create_stream(StreamName="clicks", ShardCount=1)

    def put(count: int, label: str) -> None:
        records = [{"Data": f"{label} {i}".encode(), "PartitionKey": f"{i}"} for i in range(count)]
        producer.put_records(StreamName="clicks", Records=records)  # type: ignore[arg-type]

    put(20, "before")
    producer.split_shard(StreamName="clicks", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**127))
    put(20, "split")
    query = Query(consumer)
    seen = query.read(40)
    producer.merge_shards(
        StreamName="clicks", ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002"
    )
    put(20, "merged")
    query.restart()
    seen += query.read(20)
    query.reader.stop()
    producer.delete_stream(StreamName="clicks")
    assert sorted(seen) == sorted(f"{label} {i}".encode() for label in ("before", "split", "merged") for i in range(20))


def test_the_records_are_those_that_boto3_would_return(emulator_url: str) -> None:
    producer = connect(emulator_url)
    producer.create_stream(StreamName="clicks", ShardCount=1)
    producer.put_record(StreamName="clicks", Data=b"\x00\xff", PartitionKey="ü")
    iterator = producer.get_shard_iterator(
        StreamName="clicks", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    (record,) = producer.get_records(ShardIterator=iterator)["Records"]
    reader = new_reader(connect(emulator_url))
    while not (batches := list(reader.read({})[0])):
        pass
    (row,) = [record for batch in batches for record in batch.to_pylist()]
    reader.stop()
    producer.delete_stream(StreamName="clicks")
    assert row == {
        "data": record["Data"],
        "streamName": "clicks",
        "partitionKey": record["PartitionKey"],
        "sequenceNumber": record["SequenceNumber"],
        "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
    }
