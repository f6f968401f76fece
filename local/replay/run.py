"""The command replay: sends the events of two files through the pipeline, and writes the credits to a CSV file."""

import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, LiteralString, NamedTuple

import psycopg
from rich.console import Console

from local import files
from local.errors import InputError, RunError
from local.folder import locked
from local.pipeline import undeployed, waiting
from local.pipeline.parts import Pipeline
from local.progress import bar
from local.replay import account
from local.replay.account import LineCounts
from local.replay.lines import Line, is_oversized, open_lines, partition_key, read_lines
from local.servers import class_archive
from local.servers.job import Job
from runtime.data_generator.events import Stream
from runtime.data_generator.publishing import PublishError, publish
from runtime.data_generator.simulation import Record

DATABASE = "replay"
RECORDS_PER_BATCH = 50_000
# The optimizing compiler of the JVM is worth its time for many events at once. It is off for the few events of a demo.
OPTIMIZING = ["-XX:TieredStopAtLevel=4"]
# Bounds of one chunk of records held in memory before it is published.
CHUNK_RECORDS = 2_000
CHUNK_BYTES = 8 * 1024 * 1024
PUBLISH_SECONDS = 120

RECEIVED: LiteralString = "select coalesce(sum(clicks + checkouts + dead_letters + duplicates), 0)::bigint from batches"
# Timestamps have milliseconds, as in the events, or microseconds if they are not whole milliseconds.
OUTPUT: LiteralString = """
copy (
    select checkout_id, user_id,
           to_char(checkout_timestamp at time zone 'UTC',
                   case when extract(microseconds from checkout_timestamp) % 1000 = 0
                        then 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' else 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' end
           ) as checkout_timestamp,
           click_id,
           to_char(click_timestamp at time zone 'UTC',
                   case when extract(microseconds from click_timestamp) % 1000 = 0
                        then 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"' else 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"' end
           ) as click_timestamp,
           utm_source, utm_medium, utm_campaign, total_amount, currency
      from attributed_checkouts a
     order by a.checkout_timestamp, checkout_id
) to stdout (format csv, header)
"""


class Source(NamedTuple):
    """An input file and its stream. `size`: bytes of the file."""

    stream: Stream
    path: Path
    file: BinaryIO
    size: int


def run(clicks: Path, checkouts: Path, output: Path, find_java: Callable[[], Path | None], console: Console) -> int:
    """Runs the replay and returns its exit status: 0 if every line is accounted for, else 1.

    `find_java`: returns the JAVA_HOME of the job.

    Raises:
        InputError: a file cannot be read, or the output cannot be written; no server was started.
        RunError: the job ended, or some records were not stored.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        sources = [_open("clicks", clicks, stack), _open("checkouts", checkouts, stack)]
        _check_output(output, sources)
        java_home = find_java()
        stack.enter_context(locked("replay"))
        parts = stack.enter_context(
            undeployed.running(
                DATABASE,
                lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True),
                java_home=java_home,
                java_options=[*class_archive.java_options(), *OPTIMIZING],
                keep_database=False,
                records_per_batch=RECORDS_PER_BATCH,
                # The faster join for many events at once: docs/decisions/0008-where-the-join-runs.md.
                join="postgres",
            )
        )
        line_counts = _publish(sources, parts, console)
        connection = stack.enter_context(psycopg.connect(parts.database_url, autocommit=True))
        _wait_until_stored(line_counts.published, parts, connection, console)
        parts.job.stop()
        with files.written_atomically(output) as file, connection.cursor().copy(OUTPUT) as rows:
            for row in rows:
                file.write(row)
        paths = {source.stream: source.path for source in sources}
        stored_counts = account.read_stored(connection, parts.streams, paths)
    console.print(account.table(line_counts, stored_counts, time.monotonic() - began))
    console.print(f"Wrote {output}", markup=False, highlight=False, soft_wrap=True)
    return 0 if account.is_complete(line_counts, stored_counts) else 1


def interleave(sources: Sequence[Source]) -> Iterator[tuple[Source, Line]]:
    """Yields the lines of all files, and reads all files to the same share of their size.

    The lines of each file keep their order. Files that are sorted by time thus reach the job about in event-time order,
    with few late events.
    """

    def by_share(source: Source, index: int) -> Iterator[tuple[float, int, Line]]:
        for line in read_lines(source.file):
            yield line.end / source.size, index, line

    merged = heapq.merge(*(by_share(source, index) for index, source in enumerate(sources)))
    return ((sources[index], line) for _, index, line in merged)


def to_records(lines: Iterator[tuple[Source, Line]], line_counts: LineCounts) -> Iterator[Record]:
    """Yields the publishable lines as records. Counts all lines, and the unpublishable ones, in `line_counts`."""
    for source, line in lines:
        line_counts.total += 1
        if is_oversized(line):
            line_counts.oversized.append(f"{source.path.name}:{line.number}")
        elif not (line.data or b"").strip():
            line_counts.blank += 1
        else:
            yield Record(source.stream, partition_key(line), line.data or b"", late=False, defect=None)


def _open(stream: Stream, path: Path, stack: ExitStack) -> Source:
    return Source(stream, path, stack.enter_context(open_lines(path)), path.stat().st_size)


def _check_output(output: Path, sources: Sequence[Source]) -> None:
    files.check_writable(output)
    if any(output.exists() and output.samefile(source.path) for source in sources):
        raise InputError(f"{output}: the output would replace an input")


def _publish(sources: Sequence[Source], parts: Pipeline[Job], console: Console) -> LineCounts:
    line_counts = LineCounts()
    total = sum(source.size for source in sources)
    with bar(console, "published, bytes") as show:
        for chunk in chunks(to_records(interleave(sources), line_counts)):
            parts.job.check()
            _send(chunk, parts)
            line_counts.published += len(chunk)
            show(sum(source.file.tell() for source in sources), total)
        show(total, total)
    return line_counts


def chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    """Groups the records in chunks of bounded number and size."""
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.data)
        if len(chunk) == CHUNK_RECORDS or size > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _send(chunk: Sequence[Record], parts: Pipeline[Job]) -> None:
    try:
        publish(parts.kinesis, parts.streams, chunk, PUBLISH_SECONDS)
    except PublishError as error:
        raise RunError(f"Kinesis did not accept every record: {error}") from error


def _wait_until_stored(published: int, parts: Pipeline[Job], connection: psycopg.Connection, console: Console) -> None:
    def received() -> int:
        (count,) = connection.execute(RECEIVED).fetchone() or (0,)
        return int(count)

    # A job that dies is not started again: the records of a repeated batch would be counted twice.
    with bar(console, "stored, records") as show:
        complete = waiting.wait_until_stored(published, received, parts.job.check, lambda count: show(count, published))
    if not complete:
        raise RunError(
            f"gave up waiting: no new row in {waiting.STALLED_SECONDS} s; {received():,} of"
            f" {published:,} records are in PostgreSQL; the job's log is {parts.job.log.path}"
        )
