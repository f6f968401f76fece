"""Checks at the job's start: each takes about a second, and fails with one line that names the runbook."""

import logging
import sys
from collections.abc import Sequence

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import errors
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from runtime.attribution_job.events.mapping import MappingError, load_mapping
from runtime.attribution_job.failures import StartupError
from runtime.attribution_job.sources.shard import is_transient
from runtime.database.connection import connection_string
from runtime.database.migrate import read_migrations

OLDEST_PYTHON = (3, 11)
# The first with Python data sources that yield Arrow batches, and the one that the tests run on.
OLDEST_SPARK = (4, 1)
QUICK = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})

log = logging.getLogger(__name__)


def check_versions(spark_version: str) -> None:
    """Checks that Python and Spark are new enough.

    Raises:
        StartupError: one of them is older.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise StartupError(f"Python {sys.version.split()[0]}: the job needs {_dotted(OLDEST_PYTHON)} or later")
    if tuple(int(part) for part in spark_version.split(".")[:2]) < OLDEST_SPARK:
        raise StartupError(f"Spark {spark_version}: the job needs {_dotted(OLDEST_SPARK)} or later, which Glue 6.0 has")


def check_login(secret: str | None) -> None:
    """Checks that the database login can be read.

    Raises:
        StartupError: there is no login, or the secret cannot be read or lacks a field.
    """
    source = f"secret {secret}" if secret else "DATABASE_URL"
    try:
        connection_string(secret)
    except KeyError as error:
        raise StartupError(f"{source}: field {error} is missing") from error
    except (ClientError, BotoCoreError, ValueError, RuntimeError) as error:
        raise StartupError(f"{source}: {error}") from error


def check_mapping(name_or_path: str | None) -> None:
    """Checks that the mapping of foreign events, if there is one, can be used.

    Raises:
        StartupError: there is no such mapping, or it has an error.
    """
    try:
        if name_or_path is not None:
            load_mapping(name_or_path)
    except MappingError as error:
        raise StartupError(f"--event_mapping: {error}") from error


def check_migrations(connection: psycopg.Connection) -> None:
    """Checks that the database has all migrations of this version.

    Raises:
        StartupError: a migration is missing.
    """
    needed = len(read_migrations())
    try:
        (applied,) = connection.execute("select coalesce(max(number), 0) from schema_migrations").fetchone() or (0,)
    except (errors.UndefinedTable, errors.InsufficientPrivilege):
        # The role may read the table from one of the migrations on.
        applied = 0
    if applied < needed:
        known = f"migration {applied}" if applied else "an earlier version"
        raise StartupError(f"the database is at {known}, and this job needs migration {needed}: deploy the database")


def check_streams(streams: Sequence[str], region: str) -> None:
    """Checks that the streams exist in the region and can be described.

    Raises:
        StartupError: a stream is missing or may not be read, or the region is wrong.
    """
    try:
        kinesis = boto3.client("kinesis", region_name=region, config=QUICK)
        for stream in streams:
            kinesis.describe_stream_summary(StreamName=stream)
    except ClientError as error:
        if is_transient(error):
            log.warning("the streams could not be checked: %s", error)
            return
        raise StartupError(f"stream {stream}, region {region}: {error}") from error
    except (BotoCoreError, ValueError) as error:
        raise StartupError(f"Kinesis in region {region}: {error}") from error


def check_checkpoint(spark: SparkSession, folder: str) -> None:
    """Checks that a file can be written to the checkpoint's folder and deleted.

    Raises:
        StartupError: the folder is not writable.
    """
    path = spark._jvm.org.apache.hadoop.fs.Path(f"{folder}/write-check")  # type: ignore[union-attr]
    try:
        file_system = path.getFileSystem(spark._jsc.hadoopConfiguration())
        file_system.create(path, True).close()
        file_system.delete(path, False)
    except Py4JJavaError as error:
        cause = str(error.java_exception).splitlines()[0]
        raise StartupError(f"the checkpoint's folder {folder} is not writable: {cause}") from None


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
