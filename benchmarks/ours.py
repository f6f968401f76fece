"""`python -m benchmarks.ours`: runs the job's query and sink over event files, or over streams, until all is stored."""

import argparse
import functools
import json
import sys
import time
from pathlib import Path

import psycopg
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from benchmarks.events import KINDS
from benchmarks.file_reader import CONTRACTS
from benchmarks.file_source import read_files
from benchmarks.serial_time import DriverTime
from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.job import start
from runtime.attribution_job.progress import log_as_json
from runtime.attribution_job.session import create_session
from runtime.attribution_job.sink.postgres import PostgresSink
from runtime.attribution_job.sources.streams import read_stream

STORED_EVENTS = "select coalesce(sum(clicks + checkouts), 0)::bigint from batches"
POLL_SECONDS = 0.05


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", help="folder with clicks/ and checkouts/, or the prefix of two streams")
    parser.add_argument("database_url")
    parser.add_argument("join", choices=["spark", "postgres"])
    parser.add_argument("--files_per_batch", type=int, default=4)
    parser.add_argument("--records_per_batch", type=int, help="read streams")
    parser.add_argument("--events", type=int, required=True, help="number of events to wait for")
    parser.add_argument("--writers", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path, required=True)
    options = parser.parse_args()
    log_as_json()
    spark = create_session()
    arguments = JobArguments(
        clicks_stream="", checkouts_stream="", region="", kinesis_reader="driver", attribution_join=options.join,
        checkpoint=str(options.checkpoint), database_secret=None, trigger_interval="0 seconds", records_per_batch=1,
        shuffle_partitions=2, writers=options.writers,
    )  # fmt: skip
    if options.records_per_batch:
        clicks, checkouts = (
            read_stream(
                spark, f"{options.source}-{kind}", CONTRACTS[kind], reader="driver", region="us-east-1",
                records_per_batch=options.records_per_batch,
            )
            for kind in KINDS
        )  # fmt: skip
    else:
        clicks, checkouts = (read_files(spark, Path(options.source) / kind, options.files_per_batch) for kind in KINDS)
    result = run(clicks, checkouts, arguments, options.database_url, options.events)
    # One write. `print` writes the line break separately, and the query's thread could log in between.
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    spark.stop()


def run(clicks: DataFrame, checkouts: DataFrame, arguments: JobArguments, url: str, events: int) -> dict[str, float]:
    """Returns the `seconds` from the start of the query, in a running Spark, to the last commit, and the DriverTime.

    The last commit is the one with which `events` events are stored.
    """
    connect = functools.partial(psycopg.connect, url, autocommit=True)
    sink = PostgresSink(connect, arguments.attribution_join, writers=arguments.writers)
    driver_time, began = DriverTime(clicks.sparkSession), time.monotonic()
    query = start(clicks, checkouts, arguments, sink)
    wait_until_stored(query, url, events)
    result = {"seconds": time.monotonic() - began} | driver_time.result()
    query.stop()
    sink.close()
    return result


def wait_until_stored(query: StreamingQuery, url: str, events: int) -> None:
    """Waits until the batches have stored so many events; raises the error of a query that ends before."""
    with psycopg.connect(url, autocommit=True) as connection:
        while query.isActive:
            (stored,) = connection.execute(STORED_EVENTS).fetchone() or (0,)
            if stored >= events:
                return
            time.sleep(POLL_SECONDS)
    query.awaitTermination()


if __name__ == "__main__":
    main()
