"""Glue's own Kinesis connector, the fallback: docs/decisions/one-source.md says when to take it, and what it costs.

It runs on Glue alone. Its options are those of version 2 of https://github.com/awslabs/spark-sql-kinesis-connector.
"""

import re

from pyspark.sql import DataFrame, SparkSession

FORMAT = "aws-kinesis"
# A shard's task goes on for as long as records come, unless this ends it; the connector takes 10 s or more.
SECONDS_PER_SHARD = 10
# A micro-batch takes as long as its slowest shard.
TRIGGER_INTERVAL = f"{SECONDS_PER_SHARD} seconds"
# An on-demand stream begins with so many: https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html
SHARDS = 4
# Its messages about positions that cannot be read, or that name records which are gone.
UNREADABLE = re.compile(
    r"Unable to fetch committed metadata from previous batch id .*"
    r"|Failed to get metadata for .*"
    r"|Some data may have been lost because .*"
    r"|Gave up after \d+ retries while fetching MetaData .*"
)


def read_stream(spark: SparkSession, stream: str, *, region: str, records_per_batch: int) -> DataFrame:
    """Returns the records of `stream` from the oldest on, with the columns of `records.SCHEMA`.

    A micro-batch has at most `records_per_batch` records of a stream with SHARDS shards, and more with more shards: the
    connector's limit is one for each shard.
    """
    return (
        spark.readStream.format(FORMAT)
        .option("kinesis.region", region)
        .option("kinesis.streamName", stream)
        .option("kinesis.endpointUrl", f"https://kinesis.{region}.amazonaws.com")
        .option("kinesis.consumerType", "GetRecords")
        .option("kinesis.startingposition", "TRIM_HORIZON")
        .option("kinesis.maxFetchRecordsPerShard", str(max(1, records_per_batch // SHARDS)))
        .option("kinesis.maxFetchTimePerShardSec", str(SECONDS_PER_SHARD))
        # The default would go on in silence where a shard with unread records has left the stream.
        .option("kinesis.failOnDataLoss", "true")
        .load()
    )
