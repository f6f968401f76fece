"""Each missing part of the job's environment ends the job with one line that names the part and the runbook."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import psycopg
import pytest
from pyspark.sql import SparkSession

from local.servers.postgres import Server
from runtime.attribution_job.failures import StartupError
from runtime.attribution_job.startup import checks
from runtime.database.migrate import migrate, read_migrations

RUNBOOK = r'.*; see "Job does not start" in docs/operations.md$'


@pytest.fixture
def stream(emulator: str) -> Iterator[str]:
    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="checked", ShardCount=1)
    yield "checked"
    kinesis.delete_stream(StreamName="checked")


def test_an_old_spark_or_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    checks.check_versions("4.1.1-amzn-0")
    with pytest.raises(StartupError, match=rf"^Spark 3\.5\.4: the job needs 4\.1 or later{RUNBOOK}"):
        checks.check_versions("3.5.4")
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    with pytest.raises(StartupError, match=rf"the job needs 3\.11 or later{RUNBOOK}"):
        checks.check_versions("4.1.1")


def test_a_wrong_event_mapping_is_named(tmp_path: Path) -> None:
    checks.check_mapping(None)
    checks.check_mapping("segment")
    with pytest.raises(StartupError, match=rf"^--event_mapping: no event mapping 'sgment': expected one of {RUNBOOK}"):
        checks.check_mapping("sgment")
    (tmp_path / "own.toml").write_text("[[event]]")
    with pytest.raises(StartupError, match=rf"^--event_mapping: .*own.toml: event 1: kind: missing{RUNBOOK}"):
        checks.check_mapping(str(tmp_path / "own.toml"))


def test_a_missing_secret_is_named(emulator: str) -> None:
    with pytest.raises(StartupError, match=rf"^secret absent: .*ResourceNotFoundException{RUNBOOK}"):
        checks.check_login("absent")


@pytest.mark.parametrize(
    ("text", "problem"), [('{"username": "u"}', "field 'host' is missing"), ("no JSON", "Expecting value")]
)
def test_a_malformed_secret_is_named(emulator: str, text: str, problem: str) -> None:
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="malformed", SecretString=text)
    try:
        with pytest.raises(StartupError, match=rf"^secret malformed: {problem}{RUNBOOK}"):
            checks.check_login("malformed")
    finally:
        secrets.delete_secret(SecretId="malformed", ForceDeleteWithoutRecovery=True)


def test_a_missing_login_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with pytest.raises(StartupError, match=rf"^DATABASE_URL: no database login{RUNBOOK}"):
        checks.check_login(None)


def test_the_writer_sees_that_the_database_is_up_to_date(postgres: Server, database: str) -> None:
    with psycopg.connect(postgres.url(database, "pipeline_writer"), autocommit=True) as writer:
        checks.check_migrations(writer)


@pytest.mark.parametrize("applied", [0, len(read_migrations()) - 1])
def test_a_database_that_lacks_a_migration_is_refused(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection], applied: int
) -> None:
    if applied:
        migrate(empty_database, read_migrations()[:applied])
    with (
        connect() as connection,
        pytest.raises(StartupError, match=rf"needs migration {len(read_migrations())}: deploy the database{RUNBOOK}"),
    ):
        checks.check_migrations(connection)


def test_a_newer_database_is_accepted(migrated: psycopg.Connection) -> None:
    migrated.execute("insert into schema_migrations (number, name, checksum) values (9999, 'later', 'x')")
    checks.check_migrations(migrated)


def test_a_missing_stream_is_named_with_its_region(stream: str) -> None:
    checks.check_streams([stream], "us-east-1")
    with pytest.raises(StartupError, match=rf"^stream absent, region us-east-1: .*ResourceNotFoundException{RUNBOOK}"):
        checks.check_streams([stream, "absent"], "us-east-1")


def test_an_invalid_region_is_named(emulator: str) -> None:
    with pytest.raises(StartupError, match=rf"^Kinesis in region nowhere at all: {RUNBOOK}"):
        checks.check_streams(["checked"], "nowhere at all")


def test_a_checkpoint_folder_that_is_not_writable_is_named(spark: SparkSession, tmp_path: Path) -> None:
    checks.check_checkpoint(spark, str(tmp_path / "new" / "checkpoint"))
    assert not list((tmp_path / "new" / "checkpoint").iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match=rf"folder {tmp_path}/file is not writable{RUNBOOK}"):
        checks.check_checkpoint(spark, str(tmp_path / "file"))
