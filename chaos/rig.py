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

# Longer than any recovery takes: the sink's longest pause is ten seconds, a start of the job thirty.
PATIENCE_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Servers:
    """What stays up from seed to seed. `disk`: a small one, of the tablespace SMALL, if there can be one here."""

    kinesis_url: str
    postgres: Server
    postgres_folder: Path
    disk: Path | None
    java_home: Path | None
    java_options: Sequence[str]


@dataclass(kw_only=True)
class Rig:
    """`kinesis` and `database_url` lead past the proxies; `database_url` is the owner's. `ended`: how often the job was
    killed or stopped.
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
        """A new session: the server may have been restarted since the last."""
        return psycopg.connect(self.database_url, autocommit=True)

    def kill(self) -> None:
        self.ended += 1
        self.job.kill()

    def stop(self) -> None:
        self.ended += 1
        self.job.stop()

    def wait(self, condition: Callable[[], object], what: str, *, pause: float = 0.02) -> None:
        """Until `condition` holds, while the job is started again whenever it has ended.

        Raises:
            RunError: it did not for PATIENCE_SECONDS, or the job keeps dying.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            self.job.keep_alive()
            if time.monotonic() > deadline:
                raise RunError(f"waited {PATIENCE_SECONDS} s in vain for {what}; {self.job.where_to_look()}")
            time.sleep(pause)

    def sleep(self, seconds: float) -> None:
        """Meanwhile the job is started again whenever it has ended. Raises RunError when it keeps dying."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.job.keep_alive()
            time.sleep(0.02)

    def heal(self) -> None:
        self.kinesis_proxy.inject()
        self.postgres_proxy.heal()


@contextmanager
def assembled(schedule: Schedule, servers: Servers, folder: Path) -> Iterator[Rig]:
    """A fresh database, fresh streams and a fresh checkpoint, and a job that has not been started; logs in `folder`.

    Within the block the environment leads the generator to its proxy.
    """
    name = f"seed_{schedule.seed}"
    with ExitStack() as stack:
        direct = emulator.client_environment(servers.kinesis_url)
        reads = stack.enter_context(kinesis_proxy.running(servers.kinesis_url))
        commits = stack.enter_context(postgres_proxy.running(servers.postgres.port))
        proxied = {"AWS_ENDPOINT_URL_KINESIS": reads.url}
        stack.enter_context(environ.changed(direct | proxied, without="AWS_"))
        kinesis = boto3.client("kinesis", endpoint_url=servers.kinesis_url)
        streams = stack.enter_context(undeployed.own_streams(kinesis, name.replace("_", "-")))
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
        ]  # fmt: skip
        spark = environment(java_home=servers.java_home, java_options=servers.java_options, scratch=folder / "spark")
        through = Server(port=commits.port, password=servers.postgres.password)
        writer_url = through.url(name, "pipeline_writer")
        job = Job(arguments, spark | {"DATABASE_URL": writer_url}, folder / "job.log")
        stack.callback(job.kill)
        yield Rig(
            schedule=schedule,
            servers=servers,
            kinesis=kinesis,
            streams=streams,
            kinesis_proxy=reads,
            postgres_proxy=commits,
            database_url=servers.postgres.url(name),
            checkpoint=Path(checkpoints.folder(parse_arguments(arguments))),
            job=job,
        )
