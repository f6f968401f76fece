"""Tests of what AWS services leave behind, in the emulator."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from stacks import leftovers
from stacks.config import DEV
from tests.glue_job import zipped

# An environment of its own, because other tests use the emulator too.
CONFIG = replace(DEV, environment="leftovers")
LAMBDA_INTERFACE = "AWS Lambda VPC ENI-ecommerce-streaming-dev-database-0a1b"
GLUE_INTERFACE = "Attached to Glue using role: arn:aws:iam::000000000000:role/job"
ROLE = "arn:aws:iam::000000000000:role/function"


@pytest.fixture
def vpc(emulator: str) -> Iterator[dict[str, Any]]:
    """A VPC with a subnet: their ids."""
    ec2 = boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    yield {"vpc": vpc, "subnet": subnet}
    for interface in leftovers.service_interfaces(ec2, vpc):
        ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def create_interface(vpc: dict[str, Any], description: str) -> str:
    interface = boto3.client("ec2").create_network_interface(SubnetId=vpc["subnet"], Description=description)
    return interface["NetworkInterface"]["NetworkInterfaceId"]


def test_the_teardown_waits_for_interfaces_of_glue_and_lambda_and_shows_progress(
    vpc: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ec2 = boto3.client("ec2")
    interfaces = [create_interface(vpc, description) for description in (LAMBDA_INTERFACE, GLUE_INTERFACE)]
    other = create_interface(vpc, "RDSNetworkInterface")
    remaining = list(interfaces)

    def delete_one(_: float) -> None:
        ec2.delete_network_interface(NetworkInterfaceId=remaining.pop())

    # The clock of this module only: threads of other libraries sleep too.
    monkeypatch.setattr(leftovers, "time", SimpleNamespace(monotonic=time.monotonic, sleep=delete_one))
    leftovers.wait_for_interfaces(ec2, vpc["vpc"])
    assert remaining == []
    progress = capsys.readouterr().out.splitlines()
    assert [line.partition(" network")[0] for line in progress] == [
        "waiting for AWS to delete 2",
        "waiting for AWS to delete 1",
    ]
    assert interfaces[0] in progress[1]
    assert other not in "".join(progress)
    ec2.delete_network_interface(NetworkInterfaceId=other)


def test_interfaces_that_stay_are_named_with_the_remedy(vpc: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    interface = create_interface(vpc, GLUE_INTERFACE)
    monkeypatch.setattr(leftovers, "INTERFACE_SECONDS", 0)
    message = f"{vpc['vpc']} still has network interfaces .* after 0 minutes: {interface}; delete them"
    with pytest.raises(TimeoutError, match=message):
        leftovers.wait_for_interfaces(boto3.client("ec2"), vpc["vpc"])


def test_only_functions_in_the_vpc_are_detached_from_it(
    vpc: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    functions = boto3.client("lambda")
    networks: dict[str, Any] = {"inside": {"SubnetIds": [vpc["subnet"]], "SecurityGroupIds": ["sg-1"]}, "outside": {}}
    for name, network in networks.items():
        functions.create_function(
            FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="code.handler", VpcConfig=network,
            Code={"ZipFile": zipped({"code.py": "def handler(event, context): return 1"})},
        )  # fmt: skip
    leftovers.detach_functions(functions, vpc["vpc"])
    configuration = functions.get_function_configuration(FunctionName="inside")
    assert not configuration.get("VpcConfig", {}).get("SubnetIds")
    assert capsys.readouterr().out == f"detaching function inside from {vpc['vpc']}\n"
    for name in networks:
        functions.delete_function(FunctionName=name)


def test_the_sweep_deletes_log_groups_without_a_stack_and_keeps_the_others(emulator: str) -> None:
    logs, cloudformation = boto3.client("logs"), boto3.client("cloudformation")
    stack, owned = CONFIG.name("Network"), CONFIG.log_group_name("attribution-job/output")
    template = {"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": owned}}}}
    cloudformation.create_stack(StackName=stack, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=stack)
    created_again = [
        f"/aws/rds/instance/{CONFIG.name('database')}/postgresql",
        f"/aws/lambda/{CONFIG.name('database')}",
    ]
    for name in (*created_again, "/aws/lambda/ecommerce-streaming-other"):
        logs.create_log_group(logGroupName=name)
    assert set(leftovers.log_groups(CONFIG)) == {owned, *created_again}
    leftovers.sweep_log_groups(CONFIG)
    assert list(leftovers.log_groups(CONFIG)) == [owned]
    assert logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/ecommerce-streaming-other")["logGroups"]
    cloudformation.delete_stack(StackName=stack)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)
    logs.delete_log_group(logGroupName="/aws/lambda/ecommerce-streaming-other")


def test_a_stack_that_does_not_exist_has_no_resources(emulator: str) -> None:
    assert leftovers.physical_ids(boto3.client("cloudformation"), CONFIG.name("Database"), "AWS::EC2::VPC") == []
