"""Reads and parses a Kinesis stream: by our own reader everywhere, or by Glue's connector where asked to."""

import functools
from typing import Literal, TypeAlias

from pyspark.sql import DataFrame, SparkSession

from runtime.attribution_job.events.contract import Contract
from runtime.attribution_job.events.mapping import load_mapping
from runtime.attribution_job.events.pages import parse_records
from runtime.attribution_job.sources import connector
from runtime.attribution_job.sources.data_source import FORMAT, KinesisDataSource

# `driver`: our own reader, on the driver. `connector`: Glue's.
Reader: TypeAlias = Literal["driver", "connector"]


def read_stream(
    spark: SparkSession,
    stream: str,
    contract: Contract,
    *,
    reader: Reader,
    region: str,
    records_per_batch: int,
    event_mapping: str | None = None,
) -> DataFrame:
    """Returns the events that `stream` still has and the events to come, as rows of `schemas.PAGE`.

    The events follow `contract`, unless a mapping makes events of any kind of them.
    """
    if reader == "connector":
        records = connector.read_stream(spark, stream, region=region, records_per_batch=records_per_batch)
        return parse_records(records, contract, load_mapping(event_mapping) if event_mapping else None)
    _register(spark)
    source = (
        spark.readStream.format(FORMAT)
        .option("stream", stream)
        .option("region", region)
        .option("records_per_batch", str(records_per_batch))
        .option("kind", contract.kind)
    )
    return (source.option("event_mapping", event_mapping) if event_mapping else source).load()


@functools.cache
def _register(spark: SparkSession) -> None:
    spark.dataSource.register(KinesisDataSource)
