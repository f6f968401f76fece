"""The attribution job: arguments → sources → events → join → sink."""

import functools
import logging
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions.captured import CapturedException

from runtime.attribution_job import checkpoints
from runtime.attribution_job.arguments import JobArguments, parse_arguments
from runtime.attribution_job.failures import JobError
from runtime.attribution_job.job import start
from runtime.attribution_job.progress import log_as_json
from runtime.attribution_job.session import create_session
from runtime.attribution_job.sink.postgres import PostgresSink
from runtime.attribution_job.sources.streams import read_stream
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
