"""The job as a process that reads two streams of the emulator's Kinesis and writes to a new database."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import psycopg

from benchmarks.machine import BenchmarkError
from benchmarks.workload import DATABASE
from local.cloud import emulator
from local.pipeline import waiting
from local.servers import class_archive, java
from local.servers.job import Job, environment
from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join
from runtime.data_generator.events import Stream

# Reads the history of a run with the join in Spark in a few batches.
RECORDS_PER_BATCH = 100_000
STREAMS: dict[Stream, str] = {"clicks": "bench-clicks", "checkouts": "bench-checkouts"}
STORED_EVENTS = "select coalesce(sum(clicks + checkouts), 0)::bigint from batches"


class Streamed(NamedTuple):
    """A job that has not been started, its Kinesis, and its log."""

    kinesis: Any
    job: Job
    log: Path


@contextmanager
def streamed_job(server: Server, folder: Path, join: Join, *, shards: int = 2, writers: int = 1) -> Iterator[Streamed]:
    """Yields the job with two empty streams; the database exists. Stops the job at the end."""
    scratch = folder / "steady"
    shutil.rmtree(scratch, ignore_errors=True)
    with emulator.running(folder / "emulator.log") as url:
        kinesis = boto3.client(
            "kinesis", endpoint_url=url, region_name="us-east-1",
            aws_access_key_id=emulator.CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=emulator.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip
        for name in STREAMS.values():
            kinesis.create_stream(StreamName=name, ShardCount=shards)
        spark = environment(
            java_home=java.ensure(), java_options=class_archive.java_options(), scratch=scratch / "spark"
        )
        database = {"DATABASE_URL": server.url(DATABASE, "pipeline_writer")}
        variables = spark | database | emulator.CREDENTIALS | {"AWS_ENDPOINT_URL_KINESIS": url}
        arguments = [*_job_arguments(scratch, join), "--writers", str(writers)]
        job = Job(arguments, variables, folder / "job.log")
        try:
            yield Streamed(kinesis, job, folder / "job.log")
        finally:
            job.stop()


def wait_until_stored(server: Server, published: int, job: Job) -> None:
    """Waits until the batches have stored so many events.

    Raises:
        BenchmarkError: nothing more is stored.
    """
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        if not waiting.wait_until_stored(published, lambda: stored_events(connection), job.check, lambda _: None):
            raise BenchmarkError(
                f"{stored_events(connection):,} of {published:,} events were stored; {job.where_to_look()}"
            )


def stored_events(connection: psycopg.Connection) -> int:
    """Returns the number of clicks and checkouts that the batches have stored."""
    return int((connection.execute(STORED_EVENTS).fetchone() or (0,))[0])


def _job_arguments(scratch: Path, join: Join) -> list[str]:
    return [
        "--clicks_stream", STREAMS["clicks"], "--checkouts_stream", STREAMS["checkouts"], "--region", "us-east-1",
        "--checkpoint", str(scratch / "checkpoint"), "--attribution_join", join,
        "--trigger_interval", "100 milliseconds", "--records_per_batch", str(RECORDS_PER_BATCH),
    ]  # fmt: skip
