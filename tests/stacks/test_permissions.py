"""What each role may do, beside what its code asks AWS for: nothing of it is refused, and no right is left over.

The handlers run against the emulator, with the environment that the template gives them. AWS asks for more in their
name; that is listed here, with who asks.
"""

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.model import OperationModel

from runtime.attribution_job.sources.kinesis import KinesisStreamReader, _connect
from runtime.data_generator import handler as data_generator
from runtime.database import handler as database
from runtime.database.connection import connection_string
from runtime.orchestrator import handler as orchestrator
from tests.glue_job import LOG_PREFIX, create_job
from tests.stacks.conftest import ROOT, Environment
from tests.stacks.policies import REGION, Account, Call, arn

# By role: its stack, and what its code consists of, below runtime/.
ROLES = {
    "DataGeneratorRole": ("Streams", ["data_generator"]),
    "MigrationRole": ("Database", ["database"]),
    "OrchestratorRole": ("Processing", ["orchestrator"]),
    "JobRole": ("Processing", ["attribution_job", "database/connection.py"]),
}
LOGIN = {"host": "db", "port": 5432, "dbname": "analytics", "username": "writer", "password": "none"}
# The source code of the connector: https://github.com/awslabs/spark-sql-kinesis-connector
CONNECTOR = ("DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords")


class Recorder:
    """The calls that botocore is asked for, before they are sent."""

    def __init__(self, session: boto3.Session) -> None:
        self.calls: list[Call] = []
        self._stream = ""
        session.events.register("before-parameter-build.*.*", self._record)

    def _record(self, params: dict[str, Any], model: OperationModel, **_: object) -> None:
        service = model.service_model.service_name
        self.calls.append(Call(f"{service}:{model.name}", self._resource(service, params)))

    def _resource(self, service: str, params: dict[str, Any]) -> str:
        if service == "kinesis":
            # A shard iterator is its stream's: the one that was named last.
            self._stream = params.get("StreamName", self._stream)
            return arn("kinesis", f"stream/{self._stream}")
        return arn("glue", f"job/{params['JobName']}") if service == "glue" else str(params["SecretId"])


@pytest.fixture
def account(environment: Environment) -> Account:
    return Account(environment)


@pytest.fixture
def recorder(emulator: str, account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """In an emulator that has what the calls are about."""
    kinesis, secrets = boto3.client("kinesis"), boto3.client("secretsmanager")
    glue, logs = boto3.client("glue"), boto3.client("logs")
    streams = [account.resolve("Streams", {"Ref": name}) for name in logical_ids(account, "Streams", "Kinesis::Stream")]
    for stream in streams:
        kinesis.create_stream(StreamName=stream, ShardCount=1)
    for name in [*logical_ids(account, "Database", "SecretsManager::Secret"), "owner"]:
        account.ids[name] = secrets.create_secret(Name=name, SecretString=json.dumps(LOGIN))["ARN"]
    (instance,) = logical_ids(account, "Database", "RDS::DBInstance")
    account.ids[f"{instance}.MasterUserSecret.SecretArn"] = account.ids["owner"]
    job = account.property("Processing", "AWS::Glue::Job", "Name")
    create_job(glue, job, "import time; time.sleep(600)")
    logs.create_log_group(logGroupName=f"{LOG_PREFIX}/output")
    for cached in (data_generator.kinesis, orchestrator.glue):
        cached.cache_clear()
    session = boto3.Session()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    yield Recorder(session)
    for cached in (data_generator.kinesis, orchestrator.glue):
        cached.cache_clear()
    for stream in streams:
        kinesis.delete_stream(StreamName=stream)
    for secret in set(account.ids.values()):
        secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
    glue.delete_job(JobName=job)
    logs.delete_log_group(logGroupName=f"{LOG_PREFIX}/output")


def logical_ids(account: Account, stack: str, kind: str) -> list[str]:
    return list(account.environment.resources(stack, f"AWS::{kind}"))


def set_environment(account: Account, stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the stack's only function."""
    variables = account.property(stack, "AWS::Lambda::Function", "Environment", "Variables")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def called(recorder: Recorder, account: Account, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Call]]:
    """By role, what its code asks for."""
    calls: dict[str, list[Call]] = {}

    def record(role: str) -> None:
        calls[role], recorder.calls = recorder.calls, []

    set_environment(account, "Streams", monkeypatch)
    # So many that some of them buy.
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

    arguments = account.property("Processing", "AWS::Glue::Job", "DefaultArguments")
    connection_string(arguments["--database_secret"])
    for stream in (arguments["--clicks_stream"], arguments["--checkouts_stream"]):
        reader = KinesisStreamReader(lambda: _connect(REGION), stream, 100)
        _, offsets = reader.read(reader.initialOffset())
        KinesisStreamReader(lambda: _connect(REGION), stream, 100).read(offsets)
    record("JobRole")
    return calls


def asked_in_its_name(account: Account, role: str) -> list[Call]:
    """What AWS' services ask for with the role, each with the page that says so."""
    logs = [
        Call(f"logs:{action}", group.replace(":*", ":log-stream:1"))
        for group in log_groups(account, role)
        for action in ("CreateLogStream", "PutLogEvents")
    ]
    if role == "DataGeneratorRole":
        (queue,), (key,) = account.arns("Streams", "AWS::SQS::Queue"), account.arns("Streams", "AWS::KMS::Key")
        return [
            *logs,
            # Lambda, for an invocation that failed for good:
            # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
            Call("sqs:SendMessage", queue),
            # Kinesis, to encrypt what is put: https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
            Call("kms:GenerateDataKey", key),
        ]
    if role == "MigrationRole":
        # Lambda, to be in a VPC: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
        interfaces = (
            "CreateNetworkInterface",
            "DeleteNetworkInterface",
            "DescribeNetworkInterfaces",
            "DescribeSubnets",
        )
        return [*logs, *(Call(f"ec2:{action}", "*") for action in interfaces)]
    return [*logs, *(asked_for_the_job(account) if role == "JobRole" else [])]


def asked_for_the_job(account: Account) -> Iterator[Call]:
    """Glue and what it brings along: https://docs.aws.amazon.com/glue/latest/dg/getting-started-access.html"""
    arguments = account.property("Processing", "AWS::Glue::Job", "DefaultArguments")
    streams, (streams_key,) = account.arns("Streams", "AWS::Kinesis::Stream"), account.arns("Streams", "AWS::KMS::Key")
    for stream in streams:
        for action in CONNECTOR:
            yield Call(f"kinesis:{action}", stream)
    yield Call("kms:Decrypt", streams_key)
    # Glue loads the script and the zip.
    script = account.property("Processing", "AWS::Glue::Job", "Command", "ScriptLocation")
    for url in (script, arguments["--extra-py-files"]):
        yield Call("s3:GetObject", url.replace("s3://", "arn:aws:s3:::"))
    # Spark's checkpoint, in Hadoop's file system for S3: files, and a marker beside the folder.
    folder = arguments["--checkpoint"].replace("s3://", "arn:aws:s3:::")
    for path in (f"{folder}/spark/offsets/0", f"{folder}_$folder$"):
        for action in ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"):
            yield Call(f"s3:{action}", path)
    (bucket,), (key,) = account.arns("Processing", "AWS::S3::Bucket"), account.arns("Processing", "AWS::KMS::Key")
    for action in ("ListBucket", "GetBucketLocation"):
        yield Call(f"s3:{action}", bucket)
    for action in ("Decrypt", "GenerateDataKey"):
        yield Call(f"kms:{action}", key)
    # Glue connects the job to the VPC, which it finds by the two connections.
    yield Call("glue:GetConnection", arn("glue", "catalog"))
    for name in logical_ids(account, "Processing", "Glue::Connection"):
        yield Call("glue:GetConnection", arn("glue", f"connection/{account.resolve('Processing', {'Ref': name})}"))
    for action in (
        "CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeRouteTables",
        "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcAttribute", "DescribeVpcEndpoints",
    ):  # fmt: skip
        yield Call(f"ec2:{action}", "*")
    for action in ("CreateTags", "DeleteTags"):
        interface = arn("ec2", "network-interface/eni-1")
        yield Call(f"ec2:{action}", interface, {"aws:TagKeys": "aws-glue-service-resource"})
    # Glue's own metrics, of `--enable-metrics`.
    yield Call("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "Glue"})


def log_groups(account: Account, role: str) -> list[str]:
    """Those that are the role's to write."""
    begin = {"JobRole": "Job", "OrchestratorRole": "OrchestratorLogs"}.get(role, "")
    stack, _ = ROLES[role]
    function_logs = {"DataGeneratorRole": "DataGeneratorLogs", "MigrationRole": "MigrationLogs"}
    names = logical_ids(account, stack, "Logs::LogGroup")
    wanted = [name for name in names if name.startswith(function_logs.get(role, begin))]
    return [account.resolve(stack, {"Fn::GetAtt": [name, "Arn"]}) for name in wanted]


def test_every_call_is_allowed_and_every_right_is_used(account: Account, called: dict[str, list[Call]]) -> None:
    for role, (stack, _) in ROLES.items():
        grants = account.grants(stack, role)
        calls = [*called[role], *asked_in_its_name(account, role)]
        refused = [call for call in calls if not any(grant.allows(call) for grant in grants)]
        assert refused == [], role
        unused = [grant for grant in grants if not any(grant.allows(call) for call in calls)]
        assert unused == [], role


def test_what_was_called_is_all_that_the_code_can_call(called: dict[str, list[Call]]) -> None:
    """Read from the source, so that a call which no handler made here cannot be overlooked."""
    for role, (_, parts) in ROLES.items():
        files = [path for part in parts for path in source(ROOT / "runtime" / part)]
        assert operations(files) == {call.action for call in called[role]}, role


def source(path: Path) -> list[Path]:
    return [path] if path.suffix else sorted(path.rglob("*.py"))


def operations(files: list[Path]) -> set[str]:
    """The operations that the text names: a method of a client, or a paginator."""
    calls = [node for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [(call.func.attr, call.args) for call in calls if isinstance(call.func, ast.Attribute)]
    services = {arguments[0].value for name, arguments in named if name == "client"}  # type: ignore[attr-defined]
    found = set()
    for service in services:
        methods = boto3.client(service, region_name=REGION).meta.method_to_api_mapping
        for name, arguments in named:
            method = arguments[0].value if name == "get_paginator" else name  # type: ignore[attr-defined]
            if method in methods:
                found.add(f"{service}:{methods[method]}")
    return found


def test_nothing_reaches_aws_but_through_a_client_of_a_service_that_is_named() -> None:
    """So that the test above sees every call."""
    for path in (ROOT / "runtime").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "boto3":
                assert node.attr == "client", path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "client":
                assert isinstance(node.args[0], ast.Constant), path


def test_no_other_role_runs_code_of_ours(environment: Environment) -> None:
    """The flow log's writes to its own log group, for the service that has it."""
    roles = {
        (stack, logical_id[:-8])
        for stack, logical_id, resource in environment.everything()
        if resource["Type"] == "AWS::IAM::Role"
    }
    assert roles == {(stack, role) for role, (stack, _) in ROLES.items()} | {("Network", "VpcFlowLogIAMRole")}
