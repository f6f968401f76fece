"""Glue's connector is not available here: these tests show its options, and the errors that the job recognizes."""

from typing import Any
from unittest.mock import Mock

import pytest
from pyspark.sql import SparkSession

from runtime.attribution_job import checkpoints
from runtime.attribution_job.sources import connector


class OptionsOnly:
    """A stream reader that keeps its format and options instead of loading."""

    def __init__(self) -> None:
        self.options: dict[str, str] = {}

    def format(self, name: str) -> "OptionsOnly":
        self.options["format"] = name
        return self

    def option(self, name: str, value: str) -> "OptionsOnly":
        self.options[name] = value
        return self

    def load(self) -> dict[str, str]:
        return self.options


def options(**arguments: Any) -> dict[str, str]:
    spark = Mock(spec=SparkSession, readStream=OptionsOnly())
    return connector.read_stream(spark, "clicks", region="eu-west-1", **arguments)  # type: ignore[return-value]


def test_the_connector_is_bounded_in_records_and_time() -> None:
    given = options(records_per_batch=20_000)
    assert given["format"] == "aws-kinesis"
    assert given["kinesis.maxFetchRecordsPerShard"] == "5000"
    assert given["kinesis.maxFetchTimePerShardSec"] == "10"


def test_the_connector_fails_rather_than_losing_records() -> None:
    given = options(records_per_batch=1)
    assert given["kinesis.failOnDataLoss"] == "true"
    assert given["kinesis.startingposition"] == "TRIM_HORIZON"


@pytest.mark.parametrize(
    "message",
    [
        "Unable to fetch committed metadata from previous batch id 7. Some data may have been missed",
        "Failed to get metadata for s3://bucket/sources/0/shard-source/7/shardId-000000000000",
        "Some data may have been lost because ListBuffer(shardId-000000000000)",
        "Gave up after 5 retries while fetching MetaData for batchId 7, last exception: ",
    ],
)
def test_an_unreadable_position_of_the_connector_names_the_runbook(message: str) -> None:
    error = checkpoints.unreadable(Exception(f"[STREAM_FAILED] Query failed: {message}"), "s3://bucket/spark")
    assert "Checkpoint unreadable" in str(error)


def test_a_trigger_of_the_connector_fits_its_shortest_batch() -> None:
    assert f"{connector.SECONDS_PER_SHARD} seconds" == connector.TRIGGER_INTERVAL
