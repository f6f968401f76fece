"""Each stream is read once a micro-batch, wherever the join runs."""

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from runtime.attribution_job.frames import attribute, collect
from runtime.attribution_job.progress import consumer_lag
from runtime.attribution_job.sources.data_source import KinesisDataSource
from runtime.attribution_job.sources.kinesis import KinesisStreamReader, parse_with
from tests.runtime.attribution_job.sources.test_real_stream import connect
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("interpreted")

NAMES = ("plan-clicks", "plan-checkouts")
Prepare = Callable[[DataFrame, DataFrame], DataFrame]


class EmulatedKinesis(KinesisDataSource):
    """The job's source with the emulator's URL as an option: this process' Java may be older than the emulator."""

    @classmethod
    def name(cls) -> str:
        return "emulated-kinesis"

    def simpleStreamReader(self, schema: StructType) -> KinesisStreamReader:  # noqa: N802
        return KinesisStreamReader(
            functools.partial(connect, self.options["url"]), self.options["stream"], 100, parse_with(self.options)
        )


@pytest.fixture
def streams(emulator: str) -> Iterator[tuple[str, str]]:
    """Streams with a different number of shards, each with a record in every shard."""
    kinesis = boto3.client("kinesis")
    for shards, name in enumerate(NAMES, start=1):
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        for number in range(20):
            kinesis.put_record(StreamName=name, Data=b"{}", PartitionKey=str(number))
    yield NAMES
    for name in NAMES:
        kinesis.delete_stream(StreamName=name)


@pytest.mark.parametrize(
    ("prepare", "steps"),
    [
        pytest.param(attribute, {"MicroBatchScan": 4, "MapInArrow": 2, "Exchange": 2}, id="spark"),
        pytest.param(collect, {"MicroBatchScan": 2, "MapInArrow": 0, "Exchange": 0}, id="postgres"),
    ],
)
def test_a_stream_is_read_once_a_batch(
    spark: SparkSession, emulator_url: str, streams: tuple[str, str], prepare: Prepare, steps: dict[str, int]
) -> None:
    spark.dataSource.register(EmulatedKinesis)
    source = spark.readStream.format(EmulatedKinesis.name()).option("url", emulator_url)
    clicks, checkouts = (
        source.option("stream", name).option("kind", kind).load()
        for name, kind in zip(streams, ("click", "checkout"), strict=True)
    )
    query = (
        prepare(clicks, checkouts)
        .writeStream.foreachBatch(lambda batch, _: batch.toArrow())
        .trigger(processingTime="0 seconds")
        .start()
    )
    kinesis = boto3.client("kinesis")

    def newest_plan() -> str:
        for name in streams:
            kinesis.put_record(StreamName=name, Data=b"{}", PartitionKey="p")
        return str(query._jsq.streamingQuery().lastExecution().executedPlan().toString())

    try:
        wait_until(lambda: query.lastProgress and len(last_lag(query)) == 3, "records of every shard")
        assert set(last_lag(query)) == {
            "plan-clicks/shardId-000000000000",
            "plan-checkouts/shardId-000000000000",
            "plan-checkouts/shardId-000000000001",
        }
        # The plan of a batch leaves out a stream without records.
        wait_until(lambda: (plan := newest_plan()) and plan.count("MicroBatchScan") > 1, "records of both streams")
        plan = newest_plan()
        while plan.count("MicroBatchScan") < steps["MicroBatchScan"]:
            plan = newest_plan()
    finally:
        query.stop()
    assert {step: plan.count(step) for step in steps} == steps


def last_lag(query: Any) -> dict[str, int]:
    return consumer_lag(NAMES, json.loads(query.lastProgress.json)["sources"])
