"""The command replay: sends the events of files through the pipeline, and writes the credits to a CSV file."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from rich.console import Console

from local import files
from local.check.judging import describe, judge_of, print_line, problem, read_mapping
from local.errors import InputError, RunError
from local.event_files import event_file
from local.folder import locked
from local.pipeline import undeployed, waiting
from local.pipeline.parts import Pipeline
from local.progress import bar
from local.replay import account, output, stored
from local.replay.records import LineCounts, Source, chunks, interleave, to_records
from local.servers import class_archive
from local.servers.job import Job
from runtime.data_generator.publishing import PublishError, publish
from runtime.data_generator.simulation import Record

DATABASE = "replay"
RECORDS_PER_BATCH = 50_000
# The optimizing compiler of the JVM is worth its time for many events at once. It is off for the few events of a demo.
OPTIMIZING = ["-XX:TieredStopAtLevel=4"]
PUBLISH_SECONDS = 120

RECEIVED: LiteralString = "select coalesce(sum(records), 0)::bigint from batches"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The files to replay, the file to write, and the name or path of a mapping."""

    paths: Sequence[Path]
    output: Path
    mapping: str | None = None


def run(options: Options, find_java: Callable[[], Path | None], console: Console) -> int:
    """Runs the replay and returns its exit status: 0 if every line is accounted for, else 1.

    `find_java`: returns the JAVA_HOME of the job.

    Raises:
        InputError: a file or the mapping cannot be read, or the output cannot be written; no server was started.
        RunError: a file has no event that would be accepted, the job ended, or some records were not stored.
    """
    began = time.monotonic()
    with ExitStack() as stack:
        mapping = read_mapping(options.mapping)
        event_files = [stack.enter_context(event_file.opened(path)) for path in options.paths]
        _check_output(options.output, options.paths)
        sources = [Source(file, judge_of(file, mapping)) for file in event_files]
        _check_events(sources, console)
        java_home = find_java()
        stack.enter_context(locked("replay"))
        parts = stack.enter_context(
            undeployed.running(
                DATABASE,
                lambda text: print_line(console, text),
                java_home=java_home,
                java_options=[*class_archive.java_options(), *OPTIMIZING],
                keep_database=False,
                records_per_batch=RECORDS_PER_BATCH,
                # The faster join for many events at once: docs/decisions/0008-where-the-join-runs.md.
                join="postgres",
                event_mapping=options.mapping,
            )
        )
        counts = _publish(sources, parts, console)
        connection = stack.enter_context(psycopg.connect(parts.database_url, autocommit=True))
        _wait_until_stored(counts.published, parts, connection, console)
        parts.job.stop()
        output.write(connection, options.output)
        stored_counts = stored.read(connection, options.paths)
    console.print(account.table(counts, stored_counts, time.monotonic() - began))
    print_line(console, f"Wrote {options.output}")
    for message in counts.broken:
        print_line(console, f"{message}; the lines before were replayed")
    return 0 if account.is_complete(counts, stored_counts) and not counts.broken else 1


def _check_output(path: Path, inputs: Sequence[Path]) -> None:
    files.check_writable(path)
    if any(path.exists() and path.samefile(input_path) for input_path in inputs):
        raise InputError(f"{path}: the output would replace an input")


def _check_events(sources: Sequence[Source], console: Console) -> None:
    """Describes the files. Refuses those without an event that would be accepted, before a server is started."""
    for source in sources:
        print_line(console, describe(source.file, source.judge))
    problems = [message for source in sources if (message := problem(source.file, source.judge))]
    if problems:
        raise RunError("\n".join(problems))


def _publish(sources: Sequence[Source], parts: Pipeline[Job], console: Console) -> LineCounts:
    counts = LineCounts()
    total = sum(source.file.size for source in sources)
    with bar(console, "published, bytes") as show:
        for chunk in chunks(to_records(interleave(sources, counts), counts)):
            parts.job.check()
            _send(chunk, parts)
            counts.published += len(chunk)
            show(int(counts.share * total), total)
        show(total, total)
    return counts


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
