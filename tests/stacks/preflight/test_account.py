"""The questions to AWS, with scripted answers and, where it has the service, against the emulator."""

import json

import pytest
from botocore.config import Config

from stacks.preflight.account import Account, Identity, NotAnsweredError, Offer, Quota, connect
from tests.stacks.preflight.conftest import REGION, SESSION, ScriptedAws

STACK = "ecommerce-streaming-dev-Preflight"
TEMPLATE = {"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/preflight"}}}}


def test_the_quota_of_vpcs_counts_every_page(aws: ScriptedAws) -> None:
    aws.answer("ec2", "describe_vpcs", {"Vpcs": [{}, {}], "NextToken": "more"}, {})
    aws.answer("ec2", "describe_vpcs", {"Vpcs": [{}]}, {"NextToken": "more"})
    request = {"ServiceCode": "vpc", "QuotaCode": "L-F678F1CE"}
    aws.answer("service-quotas", "get_service_quota", {"Quota": {"Value": 7.0}}, request)
    quota = aws.account.vpcs()
    assert (quota.used, quota.limit) == (3, 7)
    assert "--service-code vpc --quota-code L-F678F1CE" in quota.increase


def test_an_account_without_a_quota_of_its_own_has_the_default(aws: ScriptedAws) -> None:
    aws.answer("ec2", "describe_addresses", {"Addresses": [{}]})
    aws.refuse("service-quotas", "get_service_quota", "NoSuchResourceException")
    request = {"ServiceCode": "ec2", "QuotaCode": "L-0263D0A3"}
    aws.answer("service-quotas", "get_aws_default_service_quota", {"Quota": {"Value": 5.0}}, request)
    quota = aws.account.addresses()
    assert (quota.used, quota.limit) == (1, 5)


def test_the_quota_of_streams_counts_on_demand_streams(aws: ScriptedAws) -> None:
    limits = {"ShardLimit": 500, "OpenShardCount": 9, "OnDemandStreamCount": 2, "OnDemandStreamCountLimit": 50}
    aws.answer("kinesis", "describe_limits", limits)
    assert aws.account.on_demand_streams() == Quota(2, 50, "Kinesis Data Streams in the Service Quotas console")


@pytest.mark.parametrize(("defaults", "zones"), [(["b", "c"], ("b", "c")), ([], ("a", "b", "c"))])
def test_zones_are_chosen_as_cloudformation_does(aws: ScriptedAws, defaults: list[str], zones: tuple[str, ...]) -> None:
    names = [("c", "available"), ("a", "available"), ("d", "unavailable"), ("b", "available")]
    listed = [{"ZoneName": name, "State": state} for name, state in names]
    aws.answer("ec2", "describe_availability_zones", {"AvailabilityZones": listed})
    aws.answer("ec2", "describe_subnets", {"Subnets": [{"AvailabilityZone": zone} for zone in defaults]})
    assert aws.account.zones == zones


def test_the_offers_of_a_database_have_their_zones(aws: ScriptedAws) -> None:
    option = {
        "EngineVersion": "18.3",
        "StorageType": "gp3",
        "MultiAZCapable": True,
        "AvailabilityZones": [{"Name": "eu-west-1a"}],
    }
    request = {"Engine": "postgres", "DBInstanceClass": "db.t3.micro", "Vpc": True}
    aws.answer("rds", "describe_orderable_db_instance_options", {"OrderableDBInstanceOptions": [option]}, request)
    offers = aws.account.database_offers("postgres", "db.t3.micro")
    assert offers == [Offer("18.3", "gp3", multi_az=True, zones=frozenset({"eu-west-1a"}))]


def test_an_endpoint_service_that_is_not_offered_is_absent(aws: ScriptedAws) -> None:
    service = {"ServiceName": "glue", "AvailabilityZones": ["eu-west-1a"]}
    request = {"Filters": [{"Name": "service-name", "Values": ["glue", "kms"]}]}
    aws.answer("ec2", "describe_vpc_endpoint_services", {"ServiceDetails": [service]}, request)
    assert aws.account.endpoint_zones(["kms", "glue"]) == {"glue": frozenset({"eu-west-1a"})}


def test_lambda_refuses_a_filter_by_an_unknown_runtime(aws: ScriptedAws) -> None:
    message = "Value 'python3.14' at 'compatibleRuntime' failed to satisfy constraint: Member must satisfy enum value"
    aws.answer("lambda", "list_layers", {"Layers": []})
    aws.refuse("lambda", "list_layers", "InvalidParameterValueException", message)
    assert aws.account.knows_runtime("python3.14", "arm64")
    assert not aws.account.knows_runtime("python3.14", "arm64")


def test_a_region_without_glue_has_no_endpoint_of_it() -> None:
    once = Config(retries={"total_max_attempts": 1})
    unreachable = SESSION.client("glue", endpoint_url="http://127.0.0.1:9", config=once)
    assert not Account(lambda _: unreachable, REGION).has_glue()


def test_a_region_with_glue_answers(aws: ScriptedAws) -> None:
    aws.answer("glue", "get_jobs", {"Jobs": []}, {"MaxResults": 1})
    assert aws.account.has_glue()


def test_stacks_that_a_deletion_left_are_not_counted_as_owners(aws: ScriptedAws) -> None:
    states = ["CREATE_COMPLETE", "DELETE_SKIPPED", "DELETE_COMPLETE"]
    summaries = [
        {
            "LogicalResourceId": state,
            "PhysicalResourceId": state,
            "ResourceType": "AWS::Kinesis::Stream",
            "ResourceStatus": state,
            "LastUpdatedTimestamp": "2026-11-01T00:00:00Z",
        }
        for state in states
    ]
    aws.answer("cloudformation", "list_stack_resources", {"StackResourceSummaries": summaries}, {"StackName": "a"})
    assert aws.account.stack_resources(["a"]) == {("AWS::Kinesis::Stream", "CREATE_COMPLETE")}


def test_the_emulator_tells_identity_zones_and_parameters(account: Account) -> None:
    account.client("ssm").put_parameter(Name="/preflight", Value="30", Type="String")
    assert account.identity == Identity("000000000000", "arn:aws:iam::000000000000:root")
    assert account.zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    assert account.parameter("/preflight") == "30"
    assert account.parameter("/nothing") is None


def test_the_emulator_tells_states_and_resources_of_stacks(account: Account) -> None:
    cloudformation = account.client("cloudformation")
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    try:
        assert account.stack_states([STACK, "nothing"]) == {STACK: "CREATE_COMPLETE"}
        assert account.stack_resources([STACK]) == {("AWS::Logs::LogGroup", "/preflight")}
    finally:
        cloudformation.delete_stack(StackName=STACK)


def test_questions_about_offers_are_left_to_aws(account: Account) -> None:
    questions = (
        account.vpcs,
        account.addresses,
        account.on_demand_streams,
        lambda: account.database_offers("postgres", "db.t3.micro"),
        lambda: account.endpoint_zones(["glue"]),
        lambda: account.knows_runtime("python3.14", "arm64"),
        account.has_glue,
    )
    for question in questions:
        with pytest.raises(NotAnsweredError, match="only AWS can tell"):
            question()


def test_the_region_is_that_of_the_cdk_cli(emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    account = connect()
    assert account.region == account.client("ec2").meta.region_name == "eu-west-1"
    assert account.has_own_endpoint


def test_a_configured_endpoint_is_told_from_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert not connect().has_own_endpoint


def test_a_missing_region_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(NotAnsweredError, match="no region is configured"):
        connect()
