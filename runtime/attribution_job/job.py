"""The attribution job: arguments → sources → events → join → sink."""

import functools
import logging
import signal
import sys
import threading
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from runtime.attribution_job.arguments import JobArguments, parse_arguments
from runtime.attribution_job.attribution import join_clicks, keep_first_click
from runtime.attribution_job.events import CHECKOUT, CLICK, Contract, parse
from runtime.attribution_job.progress import ProgressLog, log_as_json
from runtime.attribution_job.session import create_session
from runtime.attribution_job.sink import PostgresSink
from runtime.attribution_job.sources import read_stream
from runtime.database.connection import connect

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Runs until SIGTERM (exit status 0) or until the query fails (its exception)."""
    arguments = parse_arguments(argv)
    log_as_json()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    spark = create_session()
    log.info("starting", extra={"python": sys.version, "spark": spark.version})
    sink = PostgresSink(functools.partial(connect, arguments.database_secret))
    query = start(spark, arguments, sink)
    while query.isActive and not stopping.wait(0.5):
        pass
    if stopping.is_set():
        # A batch that is being written is finished; one that comes after it is left to be replayed.
        sink.close()
        query.stop()
        log.info("stopped")
    query.awaitTermination()
    return 0


def start(spark: SparkSession, arguments: JobArguments, sink: PostgresSink) -> StreamingQuery:
    """Starts the one query that reads both streams and writes every table."""
    progress = ProgressLog()
    spark.streams.addListener(progress)

    def write_batch(batch: DataFrame, batch_id: int) -> None:
        rows = keep_first_click(batch).toArrow()
        query_id = batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        progress.written(batch_id, sink.write(rows, query_id=str(query_id), batch_id=batch_id))

    rows = attribute(
        read_stream(spark, arguments.clicks_stream, arguments),
        read_stream(spark, arguments.checkouts_stream, arguments),
    )
    return (
        rows.writeStream.foreachBatch(write_batch)
        .option("checkpointLocation", arguments.checkpoint)
        .trigger(processingTime=arguments.trigger_interval)
        .start()
    )


def attribute(click_records: DataFrame, checkout_records: DataFrame) -> DataFrame:
    """Records of both streams to what the sink writes, as one frame, so that one transaction can hold it.

    Gives `user_id` and one struct column for each kind of row (`click`, `checkout`, `dead_letter`,
    `candidate`), of which one is set in every row.
    """
    # Partitioned here, each stream is parsed once for both of its uses, and everything below stays in place.
    clicks = parse(click_records, CLICK).repartition("user_id")
    checkouts = parse(checkout_records, CHECKOUT).repartition("user_id")
    candidates = join_clicks(_for_join(checkouts, CHECKOUT), _for_join(clicks, CLICK))
    kinds = [
        clicks.withColumnRenamed("event", "click"),
        checkouts.withColumnRenamed("event", "checkout"),
        candidates.select("user_id", F.struct("checkout_id", "click_id", "click_timestamp").alias("candidate")),
    ]
    return functools.reduce(lambda left, right: left.unionByName(right, allowMissingColumns=True), kinds)


def _for_join(parsed: DataFrame, contract: Contract) -> DataFrame:
    """The accepted events' id and timestamp.

    By a generator, because a filter or a projection would move below the partitioning and parse once more.
    """
    accepted = F.when(
        F.col("dead_letter").isNull(),
        F.array(F.struct(f"event.{contract.id}", f"event.{contract.timestamp}")),
    )
    return parsed.select("user_id", F.inline_outer(accepted)).where(f"{contract.timestamp} is not null")
