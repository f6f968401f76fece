"""Fixtures of the job and of its sink, and queries of the tables that it writes."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import boto3
import psycopg
import pytest
from pyspark.sql import SparkSession

from local.cloud import emulator as aws
from local.servers import class_archive, java, processes
from local.servers.job import environment
from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink import fence
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.runtime.attribution_job.job_process import StartJob

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

TRUNCATE = (
    "truncate raw_clicks, raw_checkouts, raw_refunds, attributed_checkouts, users, dead_letters, conflicts, batches,"
    " batch_slices"
)


class Sinks:
    """The open sink of one database. Asking for another kind closes it and opens a new one, as a new run would."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._kind: tuple[Join, int] | None = None
        self._sink: PostgresSink | None = None

    def for_join(self, join: Join, writers: int = 1) -> PostgresSink:
        if self._sink is None or self._kind != (join, writers):
            self.close()
            self._kind, self._sink = (join, writers), open_sink(self._url, join, writers=writers)
        return self._sink

    def close(self) -> None:
        if self._sink:
            self._sink.close()


def open_sink(url: str, join: Join, fence_seconds: float = fence.WAIT_SECONDS, *, writers: int = 1) -> PostgresSink:
    return PostgresSink(
        lambda: psycopg.connect(url, autocommit=True),
        join,
        writers=writers,
        retry_seconds=5,
        fence_seconds=fence_seconds,
    )


@pytest.fixture
def sinks(postgres: Server, database: str) -> Iterator[Sinks]:
    """Sinks that log in with the job's role."""
    sinks = Sinks(postgres.url(database, "pipeline_writer"))
    yield sinks
    sinks.close()


@pytest.fixture(params=[*((join, 1) for join in get_args(Join)), ("postgres", 3)], ids="{0[0]} {0[1]}".format)
def sink(sinks: Sinks, request: pytest.FixtureRequest) -> PostgresSink:
    """A sink for each join, with one or several writers.

    Tests pass candidates to both; the sink of the PostgreSQL join ignores them.
    """
    return sinks.for_join(*request.param)


def credits(connection: psycopg.Connection) -> dict[str, str | None]:
    """Returns the id of the credited click, or null, by checkout id."""
    return dict(connection.execute("select checkout_id, click_id from attributed_checkouts").fetchall())


@pytest.fixture(scope="module")
def interpreted(spark: SparkSession) -> Iterator[None]:
    """Turns code generation off, as the demo does: for a few rows it takes more time than it saves."""
    settings = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    former_settings = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield
    for name, former in former_settings.items():
        spark.conf.set(name, former or "")


@pytest.fixture
def client(emulator: str) -> Iterator["KinesisClient"]:
    client = boto3.client("kinesis", endpoint_url=emulator)
    yield client
    for stream in client.list_streams()["StreamNames"]:
        client.delete_stream(StreamName=stream)


@pytest.fixture
def job(emulator: str, postgres: Server, database: str, tmp_path: Path) -> Iterator[StartJob]:
    """Returns a function that starts the job. All its processes use one checkpoint and are killed after the test."""
    spark = environment(java_home=java.ensure(), java_options=class_archive.java_options(), scratch=tmp_path / "spark")
    variables = spark | {
        "AWS_ENDPOINT_URL_KINESIS": emulator,
        "DATABASE_URL": postgres.url(database, "pipeline_writer"),
    }
    command = [
        sys.executable, "-m", "runtime.attribution_job", "--clicks_stream", "clicks", "--checkouts_stream", "checkouts",
        "--region", aws.CREDENTIALS["AWS_REGION"], "--checkpoint", str(tmp_path / "checkpoint"),
        "--trigger_interval", "250 milliseconds",
    ]  # fmt: skip
    processes_started: list[subprocess.Popen[bytes]] = []

    def start(join: Join, *options: str) -> subprocess.Popen[bytes]:
        arguments = [*command, "--attribution_join", join, *options]
        processes_started.append(processes.start(arguments, environment=variables, log_file=tmp_path / "job.log"))
        return processes_started[-1]

    yield start
    for process in processes_started:
        if process.poll() is None:
            processes.kill(process)
    shutil.rmtree(tmp_path, ignore_errors=True)
