"""Compares each role's permissions with the calls of its code: no call is refused, and no permission is unused.

The handlers run against the emulator, with the environment variables of the template. tests/stacks/required_calls.py
lists the further calls that AWS services make with the roles.
"""

import ast
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.model import OperationModel

from runtime.analytics.loading import objects
from runtime.attribution_job.sources.kinesis import KinesisStreamReader, _connect
from runtime.attribution_job.startup import checks
from runtime.data_generator import handler as data_generator
from runtime.database import handler as database
from runtime.database.connection import connection_string
from runtime.orchestrator import handler as orchestrator
from tests.glue_job import LOG_PREFIX, create_job
from tests.stacks.conftest import ROOT, Environment
from tests.stacks.policies import REGION, Account, Call, arn
from tests.stacks.required_calls import ROLES, calls_by_services
from tests.stacks.source_operations import operations, source_files

INPUT = "inputs/spend/2026-03.csv"
LOGIN = {"host": "db", "port": 5432, "dbname": "analytics", "username": "writer", "password": "none"}


class Recorder:
    """A record of the calls of a botocore session, taken before they are sent."""

    def __init__(self, session: boto3.Session) -> None:
        self.calls: list[Call] = []
        self._stream = ""
        session.events.register("before-parameter-build.*.*", self._record)

    def _record(self, params: dict[str, Any], model: OperationModel, **_: object) -> None:
        service = model.service_model.service_name
        self.calls.append(Call(f"{service}:{model.name}", self._resource(service, params)))

    def _resource(self, service: str, params: dict[str, Any]) -> str:
        if service == "kinesis":
            # A call with a shard iterator has no stream name: the iterator belongs to the last named stream.
            self._stream = params.get("StreamName", self._stream)
            return arn("kinesis", f"stream/{self._stream}")
        if service == "s3":
            return f"arn:aws:s3:::{params['Bucket']}/{params['Key']}"
        return arn("glue", f"job/{params['JobName']}") if service == "glue" else str(params["SecretId"])


@pytest.fixture
def account(environment: Environment) -> Account:
    return Account(environment)


@pytest.fixture
def recorder(emulator: str, account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """A recorder, and the streams, secrets, job and file of inputs of the account in the emulator."""
    kinesis, secrets = boto3.client("kinesis"), boto3.client("secretsmanager")
    glue, logs = boto3.client("glue"), boto3.client("logs")
    stream_ids = account.logical_ids("Streams", "AWS::Kinesis::Stream")
    streams = [account.resolve("Streams", {"Ref": name}) for name in stream_ids]
    for stream in streams:
        kinesis.create_stream(StreamName=stream, ShardCount=1)
    for name in [*account.logical_ids("Database", "AWS::SecretsManager::Secret"), "owner"]:
        account.ids[name] = secrets.create_secret(Name=name, SecretString=json.dumps(LOGIN))["ARN"]
    (instance,) = account.logical_ids("Database", "AWS::RDS::DBInstance")
    account.ids[f"{instance}.MasterUserSecret.SecretArn"] = account.ids["owner"]
    job = account.property("Processing", "AWS::Glue::Job", "Name")
    create_job(glue, job, "import time; time.sleep(600)")
    logs.create_log_group(logGroupName=f"{LOG_PREFIX}/output")
    s3, bucket = boto3.client("s3"), inputs_bucket(account)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=INPUT, Body=b"")
    for cached_client in (data_generator.kinesis, orchestrator.glue):
        cached_client.cache_clear()
    session = boto3.Session()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    yield Recorder(session)
    for cached_client in (data_generator.kinesis, orchestrator.glue):
        cached_client.cache_clear()
    for stream in streams:
        kinesis.delete_stream(StreamName=stream)
    for secret in set(account.ids.values()):
        secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    glue.delete_job(JobName=job)
    logs.delete_log_group(logGroupName=f"{LOG_PREFIX}/output")
    s3.delete_object(Bucket=bucket, Key=INPUT)
    s3.delete_bucket(Bucket=bucket)


def inputs_bucket(account: Account) -> str:
    (name,) = account.logical_ids("Analytics", "AWS::S3::Bucket")
    return str(account.resolve("Analytics", {"Ref": name}))


def set_environment(account: Account, stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the environment variables of the stack's only function."""
    variables = account.property(stack, "AWS::Lambda::Function", "Environment", "Variables")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def read_and_repeat_a_batch(stream: str) -> None:
    """Reads a batch, and reads it again as the job does after a restart."""
    reader = KinesisStreamReader(lambda: _connect(REGION), stream, 100, lambda records: records)
    start = reader.initialOffset()
    while (end := reader.read(start)[1]) == start:
        time.sleep(0.05)
    reader.stop()
    assert list(reader.readBetweenOffsets(start, end))


@pytest.fixture
def recorded_calls(recorder: Recorder, account: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Call]]:
    """The calls of each role's code."""
    calls: dict[str, list[Call]] = {}

    def record(role: str) -> None:
        calls[role], recorder.calls = recorder.calls, []

    set_environment(account, "Streams", monkeypatch)
    # Enough clicks that some of the shoppers check out.
    data_generator.handler({"clicks": 500})
    record("DataGeneratorRole")

    set_environment(account, "Processing", monkeypatch)
    for action in ("status", "start", "stop"):
        orchestrator.handler({"action": action})
    record("OrchestratorRole")

    set_environment(account, "Database", monkeypatch)
    database.owner_connection_string()
    for secret in os.environ["LOGIN_SECRETS"].split(","):
        database.read_secret(secret)
    record("MigrationRole")

    set_environment(account, "Analytics", monkeypatch)
    connection_string(os.environ["DATABASE_SECRET"])
    objects._read(inputs_bucket(account), INPUT)
    record("AnalyticsRole")

    arguments = account.property("Processing", "AWS::Glue::Job", "DefaultArguments")
    streams = arguments["--clicks_stream"], arguments["--checkouts_stream"]
    checks.check_login(arguments["--database_secret"])
    checks.check_streams(streams, REGION)
    for stream in streams:
        read_and_repeat_a_batch(stream)
    record("JobRole")
    return calls


def test_every_call_is_allowed_and_every_permission_is_used(
    account: Account, recorded_calls: dict[str, list[Call]]
) -> None:
    for role, (stack, _) in ROLES.items():
        grants = account.grants(stack, role)
        calls = [*recorded_calls[role], *calls_by_services(account, role)]
        refused = [call for call in calls if not any(grant.allows(call) for grant in grants)]
        assert refused == [], role
        unused = [grant for grant in grants if not any(grant.allows(call) for call in calls)]
        assert unused == [], role


def test_the_recorded_calls_cover_every_call_in_the_source(recorded_calls: dict[str, list[Call]]) -> None:
    for role, (_, parts) in ROLES.items():
        files = [path for part in parts for path in source_files(ROOT / "runtime" / part)]
        assert operations(files) == {call.action for call in recorded_calls[role]}, role


def test_runtime_code_calls_aws_only_through_clients_of_named_services() -> None:
    """Ensures that `operations` finds every call."""
    for path in (ROOT / "runtime").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "boto3":
                assert node.attr == "client", path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "client":
                assert isinstance(node.args[0], ast.Constant), path


def test_no_other_role_runs_project_code(environment: Environment) -> None:
    """The only other role lets VPC flow logs write to their log group."""
    roles = {
        (stack, logical_id[:-8])
        for stack, logical_id, resource in environment.all_resources()
        if resource["Type"] == "AWS::IAM::Role"
    }
    assert roles == {(stack, role) for role, (stack, _) in ROLES.items()} | {("Network", "VpcFlowLogIAMRole")}
