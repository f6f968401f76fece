"""Reads a Kinesis stream as a streaming frame: by our own reader everywhere, or by Glue's connector where asked to."""

import functools
from typing import Literal, TypeAlias

from pyspark.sql import DataFrame, SparkSession

from runtime.attribution_job.sources import connector
from runtime.attribution_job.sources.kinesis import FORMAT, KinesisDataSource

# `driver`: our own reader, on the driver. `connector`: Glue's.
Reader: TypeAlias = Literal["driver", "connector"]


def read_stream(spark: SparkSession, stream: str, *, reader: Reader, region: str, records_per_batch: int) -> DataFrame:
    """Returns the records that `stream` still has and the records to come, as rows for `records.unpack`."""
    if reader == "connector":
        return connector.read_stream(spark, stream, region=region, records_per_batch=records_per_batch)
    _register(spark)
    return (
        spark.readStream.format(FORMAT)
        .option("stream", stream)
        .option("region", region)
        .option("records_per_batch", str(records_per_batch))
        .load()
    )


@functools.cache
def _register(spark: SparkSession) -> None:
    spark.dataSource.register(KinesisDataSource)
