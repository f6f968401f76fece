"""The parts of one run: streams, database, job and publisher, with a proxy in front of each server."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import psycopg

from chaos import database_faults, kinesis_proxy, postgres_proxy
from chaos.kinesis_proxy import KinesisProxy
from chaos.postgres_proxy import PostgresProxy
from chaos.schedule import Schedule
from local.cloud import emulator
from local.errors import RunError
from local.pipeline import undeployed
from local.servers import environ, postgres
from local.servers.job import Job, environment
from local.servers.postgres import Server
from runtime.attribution_job import checkpoints
from runtime.attribution_job.arguments import parse_arguments
from runtime.data_generator import handler
from runtime.data_generator.events import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# Longer than any recovery: the sink's longest back-off is ten seconds, a start of the job takes thirty.
PATIENCE_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The servers that all seeds of a worker share.

    `disk` is the directory of the tablespace SMALL, or None where no file system can be mounted.
    """

    kinesis_url: str
    postgres: Server
    postgres_folder: Path
    disk: Path | None
    java_home: Path | None
    java_options: Sequence[str]


@dataclass(kw_only=True)
class Rig:
    """The parts of one run.

    `kinesis` and `database_url` (the owner's) bypass the proxies. `ended` counts the kills and stops of the job.
    """

    schedule: Schedule
    servers: Servers
    kinesis: "KinesisClient"
    streams: Mapping[Stream, str]
    kinesis_proxy: KinesisProxy
    postgres_proxy: PostgresProxy
    database_url: str
    checkpoint: Path
    job: Job
    ended: int = field(default=0, init=False)

    def owner(self) -> psycopg.Connection:
        """Opens a new session of the owner; an earlier one may have ended with a restart of the server."""
        return psycopg.connect(self.database_url, autocommit=True)

    def kill(self) -> None:
        self.ended += 1
        self.job.kill()

    def stop(self) -> None:
        self.ended += 1
        self.job.stop()

    def wait(self, condition: Callable[[], object], description: str, *, pause: float = 0.02) -> None:
        """Waits until `condition` holds; restarts the job whenever it has ended.

        Raises:
            RunError: PATIENCE_SECONDS have passed, or the job keeps dying.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.job.keep_alive()
            if time.monotonic() > deadline:
                raise RunError(f"timed out: waited {PATIENCE_SECONDS} s for {description}; {self.job.where_to_look()}")
            time.sleep(pause)

    def sleep(self, seconds: float) -> None:
        """Sleeps; restarts the job whenever it has ended.

        Raises:
            RunError: the job keeps dying.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.job.keep_alive()
            time.sleep(0.02)

    def heal(self) -> None:
        """Ends all faults."""
        self.kinesis_proxy.inject()
        self.postgres_proxy.heal()


@contextmanager
def assembled(schedule: Schedule, servers: Servers, folder: Path) -> Iterator[Rig]:
    """Creates a database, streams and an empty checkpoint, and a job that is not started; logs go to `folder`.

    Within the block the environment variables direct the generator to the Kinesis proxy.
    """
    name = f"seed_{schedule.seed}"
    with ExitStack() as stack:
        direct = emulator.client_environment(servers.kinesis_url)
        to_kinesis = stack.enter_context(kinesis_proxy.running(servers.kinesis_url))
        to_postgres = stack.enter_context(postgres_proxy.running(servers.postgres.port))
        proxied = {"AWS_ENDPOINT_URL_KINESIS": to_kinesis.url}
        stack.enter_context(environ.changed(direct | proxied, without="AWS_"))
        kinesis = boto3.client("kinesis", endpoint_url=servers.kinesis_url)
        streams = stack.enter_context(undeployed.temporary_streams(kinesis, name.replace("_", "-")))
        stack.callback(postgres.drop_database, servers.postgres, name)
        postgres.create_database(servers.postgres, name)
        if servers.disk:
            with psycopg.connect(servers.postgres.url("postgres"), autocommit=True) as admin:
                database_faults.move(admin, name)
        handler.kinesis.cache_clear()
        stack.callback(handler.kinesis.cache_clear)
        arguments = [
            "--clicks_stream", streams["clicks"], "--checkouts_stream", streams["checkouts"],
            "--region", kinesis.meta.region_name, "--checkpoint", str(folder / "checkpoint"),
            "--trigger_interval", "100 milliseconds", "--attribution_join", schedule.join,
            "--writers", str(schedule.writers),
        ]  # fmt: skip
        spark = environment(java_home=servers.java_home, java_options=servers.java_options, scratch=folder / "spark")
        proxied_server = Server(port=to_postgres.port, password=servers.postgres.password)
        writer_url = proxied_server.url(name, "pipeline_writer")
        job = Job(arguments, spark | {"DATABASE_URL": writer_url}, folder / "job.log")
        stack.callback(job.kill)
        yield Rig(
            schedule=schedule,
            servers=servers,
            kinesis=kinesis,
            streams=streams,
            kinesis_proxy=to_kinesis,
            postgres_proxy=to_postgres,
            database_url=servers.postgres.url(name),
            checkpoint=Path(checkpoints.folder(parse_arguments(arguments))),
            job=job,
        )
