"""The attribution job: arguments → sources → events → join → sink."""

import functools
import logging
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.sql import SparkSession

from runtime.attribution_job import checkpoints
from runtime.attribution_job.arguments import JobArguments, parse_arguments
from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.failures import JobError
from runtime.attribution_job.job import start
from runtime.attribution_job.progress import log_as_json
from runtime.attribution_job.session import create_session
from runtime.attribution_job.sink.postgres import PostgresSink
from runtime.attribution_job.sources.streams import read_stream
from runtime.attribution_job.startup import checks
from runtime.database.connection import connect

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> None:
    """Runs the job until SIGTERM.

    Raises:
        SystemExit: an operator has to act; the message gives the cause and names the runbook.
        StreamingQueryException: the query failed for another reason.
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


def run(arguments: JobArguments, stopping: Sequence[int]) -> None:
    """Runs the query until `stopping`, a list of received signals, is no longer empty.

    Raises:
        JobError: an operator has to act.
        StreamingQueryException: the query failed for another reason.
    """
    checks.check_mapping(arguments.event_mapping)
    checks.check_login(arguments.database_secret)
    sink = PostgresSink(
        functools.partial(_connect, arguments.database_secret), arguments.attribution_join, writers=arguments.writers
    )
    open_unless_stopped(sink, stopping)
    if stopping:
        return
    spark = create_session(arguments.shuffle_partitions)
    log.info("starting", extra={"python": sys.version, "spark": spark.version})
    try:
        _run_query(spark, arguments, sink, stopping)
    finally:
        # The batch that is being written is committed; a restart repeats the batch after it.
        sink.close()
    spark.stop()


def _run_query(spark: SparkSession, arguments: JobArguments, sink: PostgresSink, stopping: Sequence[int]) -> None:
    streams = arguments.clicks_stream, arguments.checkouts_stream
    checks.check_versions(spark.version)
    checks.check_streams(streams, arguments.region)
    checks.check_checkpoint(spark, arguments.checkpoint)
    clicks, checkouts = (
        read_stream(
            spark,
            stream,
            contract,
            reader=arguments.kinesis_reader,
            region=arguments.region,
            records_per_batch=arguments.records_per_batch,
            event_mapping=arguments.event_mapping,
        )
        for stream, contract in zip(streams, (CLICK, CHECKOUT), strict=True)
    )
    query = start(clicks, checkouts, arguments, sink)
    try:
        while query.isActive and not stopping:
            time.sleep(0.2)
        if not stopping:
            query.awaitTermination()  # Raises the error that ended the query.
    except (CapturedException, Py4JJavaError) as error:
        raise sink.refusal or checkpoints.unreadable(error, checkpoints.folder(arguments)) or error from None
    sink.close()
    query.stop()


def _connect(secret: str | None) -> psycopg.Connection:
    connection = connect(secret)
    try:
        checks.check_migrations(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def open_unless_stopped(sink: PostgresSink, stopping: Sequence[int]) -> None:
    """Opens the sink before the query starts: without the lock, a run must not touch the checkpoint."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        opening = thread.submit(sink.open)
        while not opening.done() and not stopping:
            time.sleep(0.05)
        if stopping:
            sink.close()
        else:
            opening.result()


def _stop_signals() -> list[int]:
    """Returns a list to which the handlers of SIGTERM and SIGINT append: appending needs no lock."""
    received: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: received.append(number))
    return received
