"""Look-ups of resources by the physical names that the templates prescribe."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stacks.preflight.account import Account, if_exists

ABSENT = (
    "(ResourceNotFoundException)",
    "(EntityNotFoundException)",
    "(DBInstanceNotFound)",
    "(DBInstanceNotFoundFault)",
    "(ResourceNotFound)",
    "(NotFound)",
)


@dataclass(frozen=True)
class Existing:
    """A resource of the account, with its physical id in CloudFormation."""

    name: str
    physical_id: str
    waits_for_deletion: bool = False


Lookup = Callable[[Account, str], Existing | None]


def existing(account: Account, resource_type: str, names: Iterable[str]) -> list[Existing]:
    """Returns the resources of a CloudFormation type that have one of the names."""
    found = (KINDS[resource_type].find(account, name) for name in sorted(names))
    return [resource for resource in found if resource is not None]


def _log_group(account: Account, name: str) -> Existing | None:
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return Existing(name, name) if any(group["logGroupName"] == name for group in groups) else None


def _stream(account: Account, name: str) -> Existing | None:
    return _named(name, lambda: account.client("kinesis").describe_stream_summary(StreamName=name))


def _database(account: Account, name: str) -> Existing | None:
    return _named(name, lambda: account.client("rds").describe_db_instances(DBInstanceIdentifier=name))


def _function(account: Account, name: str) -> Existing | None:
    return _named(name, lambda: account.client("lambda").get_function_configuration(FunctionName=name))


def _job(account: Account, name: str) -> Existing | None:
    return _named(name, lambda: account.client("glue").get_job(JobName=name))


def _connection(account: Account, name: str) -> Existing | None:
    return _named(name, lambda: account.client("glue").get_connection(Name=name, HidePassword=True))


def _dashboard(account: Account, name: str) -> Existing | None:
    return _named(name, lambda: account.client("cloudwatch").get_dashboard(DashboardName=name))


def _rule(account: Account, name: str) -> Existing | None:
    return _named(name, lambda: account.client("events").describe_rule(Name=name))


def _alarm(account: Account, name: str) -> Existing | None:
    alarms = account.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return Existing(name, name) if alarms else None


def _topic(account: Account, name: str) -> Existing | None:
    pages = account.client("sns").get_paginator("list_topics").paginate()
    arns = (topic["TopicArn"] for page in pages for topic in page["Topics"])
    return next((Existing(name, arn) for arn in arns if arn.rpartition(":")[2] == name), None)


def _bucket(account: Account, name: str) -> Existing | None:
    buckets = account.client("s3").list_buckets()["Buckets"]
    return Existing(name, name) if any(bucket["Name"] == name for bucket in buckets) else None


def _vpc_connection(account: Account, name: str) -> Existing | None:
    names = _in_quicksight(account, VPCConnectionId=name)
    return _of_quicksight(name, names, lambda: account.client("quicksight").describe_vpc_connection(**names))


def _data_source(account: Account, name: str) -> Existing | None:
    names = _in_quicksight(account, DataSourceId=name)
    return _of_quicksight(name, names, lambda: account.client("quicksight").describe_data_source(**names))


def _data_set(account: Account, name: str) -> Existing | None:
    names = _in_quicksight(account, DataSetId=name)
    return _of_quicksight(name, names, lambda: account.client("quicksight").describe_data_set(**names))


def _analysis(account: Account, name: str) -> Existing | None:
    names = _in_quicksight(account, AnalysisId=name)
    return _of_quicksight(name, names, lambda: account.client("quicksight").describe_analysis(**names))


def _quicksight_dashboard(account: Account, name: str) -> Existing | None:
    names = _in_quicksight(account, DashboardId=name)
    return _of_quicksight(name, names, lambda: account.client("quicksight").describe_dashboard(**names))


def _secret(account: Account, name: str) -> Existing | None:
    secret = if_exists(lambda: account.client("secretsmanager").describe_secret(SecretId=name), *ABSENT)
    return None if secret is None else Existing(name, secret["ARN"], waits_for_deletion="DeletedDate" in secret)


def _named(name: str, describe: Callable[[], Any]) -> Existing | None:
    """Returns the resource that `describe` finds. Its physical id is its name."""
    return None if if_exists(describe, *ABSENT) is None else Existing(name, name)


def _in_quicksight(account: Account, **names: str) -> dict[str, str]:
    return {"AwsAccountId": account.identity.number, **names}


def _of_quicksight(name: str, names: dict[str, str], describe: Callable[[], Any]) -> Existing | None:
    """Returns the resource that `describe` finds. QuickSight keeps a deleted analysis for 30 days, with its id."""
    response = if_exists(describe, *ABSENT)
    if response is None:
        return None
    if response.get("VPCConnection", {}).get("Status") == "DELETED":
        return None
    deleted = response.get("Analysis", {}).get("Status") == "DELETED"
    return Existing(name, "|".join(names.values()), waits_for_deletion=deleted)


@dataclass(frozen=True)
class Kind:
    """A kind of resource: its plural, the template's property with its physical name, and its look-up by name."""

    plural: str
    name_property: str
    find: Lookup


# By CloudFormation type. CloudFormation chooses most names of some of these types; only prescribed names are looked up.
KINDS = {
    "AWS::Logs::LogGroup": Kind("log groups", "LogGroupName", _log_group),
    "AWS::Kinesis::Stream": Kind("streams", "Name", _stream),
    "AWS::RDS::DBInstance": Kind("database instances", "DBInstanceIdentifier", _database),
    "AWS::Lambda::Function": Kind("functions", "FunctionName", _function),
    "AWS::Glue::Job": Kind("Glue jobs", "Name", _job),
    "AWS::Glue::Connection": Kind("Glue connections", "ConnectionInput.Name", _connection),
    "AWS::SNS::Topic": Kind("topics", "TopicName", _topic),
    "AWS::CloudWatch::Alarm": Kind("alarms", "AlarmName", _alarm),
    "AWS::CloudWatch::Dashboard": Kind("dashboards", "DashboardName", _dashboard),
    "AWS::SecretsManager::Secret": Kind("secrets", "Name", _secret),
    "AWS::S3::Bucket": Kind("buckets", "BucketName", _bucket),
    "AWS::Events::Rule": Kind("rules", "Name", _rule),
    "AWS::QuickSight::VPCConnection": Kind("QuickSight VPC connections", "VPCConnectionId", _vpc_connection),
    "AWS::QuickSight::DataSource": Kind("QuickSight data sources", "DataSourceId", _data_source),
    "AWS::QuickSight::DataSet": Kind("QuickSight datasets", "DataSetId", _data_set),
    "AWS::QuickSight::Analysis": Kind("QuickSight analyses", "AnalysisId", _analysis),
    "AWS::QuickSight::Dashboard": Kind("QuickSight dashboards", "DashboardId", _quicksight_dashboard),
}
