"""The look-ups by name, against the emulator: each finds its resource, and nothing when there is none."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from stacks.preflight.account import Account
from stacks.preflight.names import KINDS, Existing, existing
from tests.stacks.preflight.conftest import ScriptedAws

NAME = "preflight-left-over"
Client = Callable[[str], Any]


def create_log_group(client: Client) -> Callable[[], Any]:
    logs = client("logs")
    logs.create_log_group(logGroupName=NAME)
    logs.create_log_group(logGroupName=f"{NAME}-longer")
    return lambda: [logs.delete_log_group(logGroupName=name) for name in (NAME, f"{NAME}-longer")]


def create_stream(client: Client) -> Callable[[], Any]:
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName=NAME, ShardCount=1)
    return lambda: kinesis.delete_stream(StreamName=NAME)


def create_database(client: Client) -> Callable[[], Any]:
    rds = client("rds")
    login = {"MasterUsername": "owner", "MasterUserPassword": "password1"}
    rds.create_db_instance(DBInstanceIdentifier=NAME, DBInstanceClass="db.t3.micro", Engine="postgres", **login)
    return lambda: rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)


def create_function(client: Client) -> Callable[[], Any]:
    functions = client("lambda")
    code = {"S3Bucket": "none", "S3Key": "none"}
    role = "arn:aws:iam::000000000000:role/none"
    functions.create_function(FunctionName=NAME, Runtime="python3.14", Handler="a.b", Role=role, Code=code)
    return lambda: functions.delete_function(FunctionName=NAME)


def create_job(client: Client) -> Callable[[], Any]:
    glue = client("glue")
    glue.create_job(Name=NAME, Role="none", Command={"Name": "gluestreaming"})
    return lambda: glue.delete_job(JobName=NAME)


def create_connection(client: Client) -> Callable[[], Any]:
    glue = client("glue")
    glue.create_connection(ConnectionInput={"Name": NAME, "ConnectionType": "NETWORK", "ConnectionProperties": {}})
    return lambda: glue.delete_connection(ConnectionName=NAME)


def create_topic(client: Client) -> Callable[[], Any]:
    sns = client("sns")
    arn = sns.create_topic(Name=NAME)["TopicArn"]
    return lambda: sns.delete_topic(TopicArn=arn)


def create_alarm(client: Client) -> Callable[[], Any]:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=NAME,
        MetricName="a",
        Namespace="b",
        Period=60,
        EvaluationPeriods=1,
        Statistic="Sum",
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    return lambda: cloudwatch.delete_alarms(AlarmNames=[NAME])


def create_dashboard(client: Client) -> Callable[[], Any]:
    cloudwatch = client("cloudwatch")
    cloudwatch.put_dashboard(DashboardName=NAME, DashboardBody='{"widgets": []}')
    return lambda: cloudwatch.delete_dashboards(DashboardNames=[NAME])


def create_secret(client: Client) -> Callable[[], Any]:
    secrets = client("secretsmanager")
    secrets.create_secret(Name=NAME, SecretString="x")
    return lambda: secrets.delete_secret(SecretId=NAME, ForceDeleteWithoutRecovery=True)


def create_bucket(client: Client) -> Callable[[], Any]:
    s3 = client("s3")
    s3.create_bucket(Bucket=NAME)
    return lambda: s3.delete_bucket(Bucket=NAME)


def create_rule(client: Client) -> Callable[[], Any]:
    events = client("events")
    events.put_rule(Name=NAME, ScheduleExpression="rate(5 minutes)")
    return lambda: events.delete_rule(Name=NAME)


CREATORS = {
    "AWS::Logs::LogGroup": create_log_group,
    "AWS::Kinesis::Stream": create_stream,
    "AWS::RDS::DBInstance": create_database,
    "AWS::Lambda::Function": create_function,
    "AWS::Glue::Job": create_job,
    "AWS::Glue::Connection": create_connection,
    "AWS::SNS::Topic": create_topic,
    "AWS::CloudWatch::Alarm": create_alarm,
    "AWS::CloudWatch::Dashboard": create_dashboard,
    "AWS::SecretsManager::Secret": create_secret,
    "AWS::S3::Bucket": create_bucket,
    "AWS::Events::Rule": create_rule,
}


def test_the_emulator_has_every_kind_but_those_of_quicksight() -> None:
    assert {kind for kind in KINDS if not kind.startswith("AWS::QuickSight::")} == set(CREATORS)


@pytest.fixture
def cleanup() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("resource_type", list(CREATORS))
def test_a_left_over_is_found_by_its_name(account: Account, resource_type: str, cleanup: ExitStack) -> None:
    assert existing(account, resource_type, [NAME]) == []
    cleanup.callback(CREATORS[resource_type](account.client))
    (found,) = existing(account, resource_type, ["another", NAME])
    assert found.name == NAME
    assert NAME in found.physical_id
    assert not found.waits_for_deletion


def test_a_secret_that_waits_for_deletion_is_found(account: Account, cleanup: ExitStack) -> None:
    cleanup.callback(create_secret(account.client))
    account.client("secretsmanager").delete_secret(SecretId=NAME, RecoveryWindowInDays=7)
    (found,) = existing(account, "AWS::SecretsManager::Secret", [NAME])
    assert found.waits_for_deletion


def test_a_secret_without_a_deletion_date_does_not_wait(aws: ScriptedAws) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:login-AbCdEf"
    aws.answer("secretsmanager", "describe_secret", {"ARN": arn, "Name": "login"}, {"SecretId": "login"})
    assert existing(aws.account, "AWS::SecretsManager::Secret", ["login"]) == [Existing("login", arn)]
