"""The undeployed pipeline: Kinesis, PostgreSQL and the job as processes on this machine."""

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.cloud import emulator
from local.errors import InputError
from local.folder import data_folder
from local.pipeline.parts import Pipeline, Say
from local.pipeline.publisher import Publisher
from local.servers import environ
from local.servers.database import empty_database
from local.servers.job import Job, environment
from runtime.attribution_job.join.rule import Join
from runtime.data_generator.events import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

SHARDS = 2
DEFAULT_REGION = "us-east-1"


@contextmanager
def running(
    database: str,
    say: Say,
    *,
    java_home: Path | None,
    java_options: Sequence[str],
    keep_database: bool,
    records_per_batch: int = 20_000,
    join: Join = "spark",
    event_mapping: str | None = None,
) -> Iterator[Pipeline[Job]]:
    """Starts every part and reports it to `say`. Stops every part and deletes the streams at the end of the block.

    `database`: name of a new database on the embedded server. $DATABASE_URL, if set, is used instead, and
    $KINESIS_ENDPOINT_URL instead of the emulator. Within the block the environment variables direct boto3 and the
    generator to the streams. `event_mapping`: name or path of a mapping of foreign events.

    Raises:
        InputError: $DATABASE_URL or $KINESIS_ENDPOINT_URL cannot be used.
        RunError: a part did not start.
    """
    run_id = secrets.token_hex(4)
    scratch = data_folder() / "run"
    with ExitStack() as stack:
        shutil.rmtree(scratch, ignore_errors=True)
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        kinesis = stack.enter_context(_kinesis(say))
        streams = stack.enter_context(temporary_streams(kinesis, run_id))
        say(f"created the streams {' and '.join(streams.values())}")
        owner_url, writer_url = stack.enter_context(empty_database(database, say, keep=keep_database))
        arguments = [
            "--clicks_stream", streams["clicks"],
            "--checkouts_stream", streams["checkouts"],
            "--region", kinesis.meta.region_name,
            "--checkpoint", str(scratch / "checkpoint"),
            "--trigger_interval", "100 milliseconds",
            "--records_per_batch", str(records_per_batch),
            "--attribution_join", join,
            *(["--event_mapping", event_mapping] if event_mapping else []),
        ]  # fmt: skip
        spark = environment(java_home=java_home, java_options=java_options, scratch=scratch / "spark")
        job = Job(arguments, spark | {"DATABASE_URL": writer_url}, data_folder() / "job.log")
        stack.push(lambda error, *_: job.kill() if error else job.stop())
        job.start()
        say(f"the job is starting; its log: {job.log.path}")
        yield Pipeline(kinesis=kinesis, streams=streams, database_url=owner_url, job=job, publisher=Publisher)


@contextmanager
def _kinesis(say: Say) -> Iterator["KinesisClient"]:
    """Yields a client of $KINESIS_ENDPOINT_URL if set, or else of an emulator that runs within the block."""
    user_endpoint = os.environ.get("KINESIS_ENDPOINT_URL")
    with ExitStack() as stack:
        if user_endpoint:
            region = boto3.session.Session().region_name or DEFAULT_REGION
            variables = {"AWS_ENDPOINT_URL_KINESIS": user_endpoint}
            variables |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
            say(f"using Kinesis at {user_endpoint}")
        else:
            url = stack.enter_context(emulator.running(data_folder() / "emulator.log"))
            variables = emulator.client_environment(url) | {"AWS_ENDPOINT_URL_KINESIS": url}
            say(f"the Kinesis emulator is ready at {url}")
        stack.enter_context(environ.changed(variables, without=None if user_endpoint else "AWS_"))
        config = Config(retries={"total_max_attempts": 4, "mode": "standard"}, read_timeout=30)
        yield boto3.client("kinesis", config=config)


@contextmanager
def temporary_streams(kinesis: "KinesisClient", run_id: str) -> Iterator[Mapping[Stream, str]]:
    """Creates two streams for this run and names them in environment variables; deletes the streams at the end."""
    streams: dict[Stream, str] = {
        "clicks": f"ecommerce-streaming-local-{run_id}-clicks",
        "checkouts": f"ecommerce-streaming-local-{run_id}-checkouts",
    }
    with ExitStack() as created:
        for name in streams.values():
            created.enter_context(_stream(kinesis, name))
        with environ.changed({f"{kind.upper()}_STREAM": name for kind, name in streams.items()}):
            yield streams


@contextmanager
def _stream(kinesis: "KinesisClient", name: str) -> Iterator[None]:
    try:
        kinesis.create_stream(StreamName=name, ShardCount=SHARDS)
        kinesis.get_waiter("stream_exists").wait(StreamName=name)
    except (BotoCoreError, ClientError) as error:
        raise InputError(f"Kinesis at {kinesis.meta.endpoint_url}: {error}") from error
    try:
        yield
    finally:
        with suppress(BotoCoreError, ClientError):
            kinesis.delete_stream(StreamName=name)
