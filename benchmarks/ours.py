"""`python -m benchmarks.ours`: the job's own query and sink, over files instead of streams, until all is stored."""

import argparse
import functools
import json
import sys
import time
from pathlib import Path

import psycopg
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from benchmarks.events import KINDS
from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.job import start
from runtime.attribution_job.progress import log_as_json
from runtime.attribution_job.session import create_session
from runtime.attribution_job.sink.postgres import PostgresSink

# Arrival of what lies in files: late enough that no event is from the future.
ARRIVED = "2026-12-01 00:00:00"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="with clicks/ and checkouts/")
    parser.add_argument("database_url")
    parser.add_argument("join", choices=["spark", "postgres"])
    parser.add_argument("--files_per_batch", type=int, default=4)
    parser.add_argument("--checkpoint", type=Path, required=True)
    options = parser.parse_args()
    log_as_json()
    spark = create_session()
    arguments = JobArguments(
        clicks_stream="", checkouts_stream="", region="", database_secret=None, attribution_join=options.join,
        checkpoint=str(options.checkpoint), trigger_interval="0 seconds", records_per_batch=1,
    )  # fmt: skip
    clicks, checkouts = (read(spark, options.folder / kind, options.files_per_batch) for kind in KINDS)
    seconds = run(clicks, checkouts, arguments, options.database_url)
    # At once, because the query's thread may log meanwhile: `print` writes the line break on its own.
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")
    sys.stdout.flush()
    spark.stop()


def run(clicks: DataFrame, checkouts: DataFrame, arguments: JobArguments, url: str) -> float:
    """Seconds from the start of the query to the commit of its last row; Spark itself runs already."""
    sink = PostgresSink(functools.partial(psycopg.connect, url, autocommit=True), arguments.attribution_join)
    began = time.monotonic()
    query = start(clicks, checkouts, arguments, sink)
    query.processAllAvailable()
    seconds = time.monotonic() - began
    query.stop()
    sink.close()
    return seconds


def read(spark: SparkSession, folder: Path, files_per_batch: int) -> DataFrame:
    """Lines as the records of a Kinesis source; a hash stands for the sequence number."""
    lines = spark.readStream.schema("value string").option("maxFilesPerTrigger", files_per_batch).text(str(folder))
    # Nullable, as what a source gives is: Arrow takes no null struct of fields that are not.
    given = F.col("value").isNotNull()
    return lines.select(
        F.col("value").cast("binary").alias("data"),
        F.when(given, folder.name).alias("streamName"),
        F.when(given, "").alias("partitionKey"),
        F.when(given, F.xxhash64("value").cast("string")).alias("sequenceNumber"),
        F.when(given, F.lit(ARRIVED).cast("timestamp")).alias("approximateArrivalTimestamp"),
    )


if __name__ == "__main__":
    main()
