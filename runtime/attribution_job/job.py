"""The attribution job: arguments → sources → events → join → sink."""

import functools
import logging
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from runtime.attribution_job import checkpoints
from runtime.attribution_job.arguments import JobArguments, parse_arguments
from runtime.attribution_job.attribution import WATERMARK_DELAY, join_clicks, keep_first_click
from runtime.attribution_job.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events import parse, read
from runtime.attribution_job.failures import JobError
from runtime.attribution_job.progress import ProgressLog, log_as_json
from runtime.attribution_job.session import create_session
from runtime.attribution_job.sink import PostgresSink, oldest_arrival
from runtime.attribution_job.sources import read_stream
from runtime.database.connection import connect

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Runs until SIGTERM (exit status 0) or until the query fails (its exception).

    Raises:
        SystemExit: an operator has to act; the message says what was found and names the runbook.
    """
    arguments = parse_arguments(argv)
    log_as_json()
    stopping = _stop_signals()
    try:
        run(arguments, stopping)
    except JobError as error:
        log.error(error, extra={"runbook": error.runbook})
        raise SystemExit(str(error)) from None
    log.info("stopped")
    return 0


def run(arguments: JobArguments, stopping: Sequence[int]) -> None:
    """Runs until there is something in `stopping`.

    Raises:
        JobError: an operator has to act.
        StreamingQueryException: the query failed otherwise.
    """
    sink = PostgresSink(functools.partial(connect, arguments.database_secret), arguments.attribution_join)
    open_unless_stopped(sink, stopping)
    if stopping:
        return
    spark = create_session()
    log.info("starting", extra={"python": sys.version, "spark": spark.version})
    clicks = read_stream(spark, arguments.clicks_stream, arguments)
    checkouts = read_stream(spark, arguments.checkouts_stream, arguments)
    try:
        query = start(clicks, checkouts, arguments, sink)
        while query.isActive and not stopping:
            time.sleep(0.2)
        if not stopping:
            query.awaitTermination()  # Raises what ended it.
    except (CapturedException, Py4JJavaError) as error:
        raise sink.refusal or checkpoints.unreadable(error, checkpoints.folder(arguments)) or error from None
    finally:
        # A batch that is being written is finished; one that comes after it is left to be replayed.
        sink.close()
    query.stop()
    spark.stop()


def open_unless_stopped(sink: PostgresSink, stopping: Sequence[int]) -> None:
    """Before the query starts: a run that is fenced off must not write to the checkpoint of the one that writes."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        opening = thread.submit(sink.open)
        while not opening.done() and not stopping:
            time.sleep(0.05)
        if stopping:
            sink.close()
        else:
            opening.result()


def _stop_signals() -> list[int]:
    """The signals to stop that have come: a list, because a handler must not wait for a lock."""
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: received.append(number))
    return received


def start(
    click_records: DataFrame, checkout_records: DataFrame, arguments: JobArguments, sink: PostgresSink
) -> StreamingQuery:
    """Starts the one query that reads both streams (columns of `sources.read_stream`) and writes every table."""
    progress = ProgressLog()
    click_records.sparkSession.streams.addListener(progress)

    prepare, stage = (attribute, stage_parsed) if arguments.attribution_join == "spark" else (collect, stage_records)

    def write_batch(batch: DataFrame, batch_id: int) -> None:
        rows = stage(batch)
        query_id = batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        counts = sink.write(rows, query_id=str(query_id), batch_id=batch_id)
        progress.written(batch_id, counts, oldest_arrival(rows))

    return (
        prepare(click_records, checkout_records)
        .writeStream.foreachBatch(write_batch)
        .option("checkpointLocation", checkpoints.folder(arguments))
        .trigger(processingTime=arguments.trigger_interval)
        .start()
    )


def attribute(click_records: DataFrame, checkout_records: DataFrame) -> DataFrame:
    """Records of both streams to what the sink writes, as one frame, so that one transaction can hold it.

    Gives `user_id`, `event_time` and one struct column for each kind of row (`click`, `checkout`, `dead_letter`,
    `candidate`), of which one is set in every row.
    """
    # Partitioned here, a stream is parsed once for both of its uses, and everything below stays in place.
    clicks, checkouts = (
        parse(records, contract).withWatermark("event_time", WATERMARK_DELAY).repartition("user_id")
        for records, contract in ((click_records, CLICK), (checkout_records, CHECKOUT))
    )
    candidates = join_clicks(_for_join(checkouts, CHECKOUT), _for_join(clicks, CLICK))
    # Nullable, because Arrow takes no null struct of fields that are not.
    click_timestamp = F.when(F.col("click_id").isNotNull(), F.col("click_timestamp"))
    found = candidates.select(
        "user_id",
        F.col("click_timestamp").alias("event_time"),
        F.struct("checkout_id", "click_id", click_timestamp.alias("click_timestamp")).alias("candidate"),
    )
    raw = clicks.withColumnRenamed("event", "click").unionByName(
        checkouts.withColumnRenamed("event", "checkout"), allowMissingColumns=True
    )
    return raw.unionByName(found, allowMissingColumns=True)


def stage_parsed(batch: DataFrame) -> dict[str, pa.Table]:
    """A micro-batch of `attribute` as the sink's tables."""
    rows = keep_first_click(batch).toArrow()
    return {kind: _flatten(rows[kind]) for kind in ("click", "checkout", "dead_letter", "candidate")}


def collect(click_records: DataFrame, checkout_records: DataFrame) -> DataFrame:
    """Records of both streams as they are, and of which `kind`: the join is left to PostgreSQL, and Spark keeps no
    state.
    """
    return click_records.withColumn("kind", F.lit("click")).unionByName(
        checkout_records.withColumn("kind", F.lit("checkout"))
    )


def stage_records(batch: DataFrame) -> dict[str, pa.Table]:
    """A micro-batch of `collect` as the sink's tables."""
    records = batch.toArrow()
    clicks, checkouts = (
        read(records.filter(pc.equal(records["kind"], kind)), contract)
        for kind, contract in (("click", CLICK), ("checkout", CHECKOUT))
    )
    return {
        "click": clicks.events,
        "checkout": checkouts.events,
        "dead_letter": pa.concat_tables([clicks.dead_letters, checkouts.dead_letters]),
    }


def _flatten(rows: pa.ChunkedArray) -> pa.Table:
    """The structs that are set, with their fields as columns."""
    structs = rows.combine_chunks().drop_null()
    return pa.Table.from_arrays(structs.flatten(), names=[field.name for field in structs.type])


def _for_join(prepared: DataFrame, contract: Contract) -> DataFrame:
    """The events' user, id and time. It reads every column of the exchange, or the other use could not share it."""
    event_id = F.when(F.col("dead_letter").isNull(), F.col(f"event.{contract.id}"))
    return prepared.select("user_id", event_id.alias(contract.id), F.col("event_time").alias(contract.timestamp))
