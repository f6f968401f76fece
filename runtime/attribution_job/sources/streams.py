"""Where records come from: Glue's Kinesis connector on AWS, boto3 where an endpoint is given instead."""

import functools
import os

from pyspark.sql import DataFrame, SparkSession

from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.sources.kinesis import FORMAT, KinesisDataSource

# boto3's own variable: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
ENDPOINT = "AWS_ENDPOINT_URL_KINESIS"


def read_stream(spark: SparkSession, stream: str, arguments: JobArguments) -> DataFrame:
    """Every record that `stream` still keeps, and those to come.

    Columns: `data` (binary), `streamName`, `partitionKey`, `sequenceNumber` (string),
    `approximateArrivalTimestamp` (timestamp).
    """
    if os.environ.get(ENDPOINT):
        return _read_with_boto3(spark, stream, arguments)
    return _read_with_glue(spark, stream, arguments)


def _read_with_boto3(spark: SparkSession, stream: str, arguments: JobArguments) -> DataFrame:
    _register(spark)
    return (
        spark.readStream.format(FORMAT)
        .option("stream", stream)
        .option("region", arguments.region)
        .option("records_per_batch", str(arguments.records_per_batch))
        .load()
    )


@functools.cache
def _register(spark: SparkSession) -> None:
    spark.dataSource.register(KinesisDataSource)


def _read_with_glue(spark: SparkSession, stream: str, arguments: JobArguments) -> DataFrame:
    """Connector 2.x: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-etl-connect-kinesis-home.html"""
    return (
        spark.readStream.format("aws-kinesis")
        .option("kinesis.region", arguments.region)
        .option("kinesis.streamName", stream)
        .option("kinesis.endpointUrl", f"https://kinesis.{arguments.region}.amazonaws.com")
        .option("kinesis.consumerType", "GetRecords")
        .option("kinesis.startingposition", "TRIM_HORIZON")
        .load()
    )
