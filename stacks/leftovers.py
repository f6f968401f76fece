"""Resources that AWS services create outside of CloudFormation, and that block its stacks.

Network interfaces of Glue and Lambda block the removal of the VPC and its security groups. A log group that a service
has created again blocks the next deployment of the stack that names it.
"""

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3

from stacks.config import PROJECT, Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import VpcConfigTypeDef

# The descriptions that the two services give to their interfaces.
SERVICE_INTERFACE = re.compile(r"AWS Lambda VPC ENI|Attached to Glue")
# AWS removes the interfaces within 20 to 60 minutes.
INTERFACE_SECONDS = 4500
SECONDS_BETWEEN_LOOKS = 30


def physical_ids(cloudformation: "CloudFormationClient", stack: str, resource_type: str) -> list[str]:
    """Returns the physical ids of the stack's resources of a type; none for a stack that does not exist."""
    try:
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    except cloudformation.exceptions.ClientError as error:
        print(error)
        return []
    return [
        resource["PhysicalResourceId"]
        for resource in resources
        if resource["ResourceType"] == resource_type and "PhysicalResourceId" in resource
    ]


def detach_functions(functions: "LambdaClient", vpc: str) -> None:
    """Takes the functions out of the VPC. Only then, Lambda begins to delete their interfaces."""
    nowhere: VpcConfigTypeDef = {"SubnetIds": [], "SecurityGroupIds": []}
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            if function.get("VpcConfig", {}).get("VpcId") == vpc:
                print(f"detaching function {function['FunctionName']} from {vpc}")
                functions.update_function_configuration(FunctionName=function["FunctionName"], VpcConfig=nowhere)


def wait_for_interfaces(ec2: "EC2Client", vpc: str) -> None:
    """Waits until the VPC has no network interface of Glue or Lambda, and prints how many it still has.

    Raises:
        TimeoutError: interfaces are left after INTERFACE_SECONDS.
    """
    start = time.monotonic()
    while interfaces := list(service_interfaces(ec2, vpc)):
        seconds = time.monotonic() - start
        names = ", ".join(interfaces)
        if seconds > INTERFACE_SECONDS:
            raise TimeoutError(
                f"{vpc} still has network interfaces of Glue or Lambda after {seconds / 60:.0f} minutes: {names};"
                " delete them in the EC2 console, and run the teardown again"
            )
        print(
            f"waiting for AWS to delete {len(interfaces)} network interfaces of Glue and Lambda, which takes 20 to 60"
            f" minutes ({seconds / 60:.0f} so far): {names}",
            flush=True,
        )
        time.sleep(SECONDS_BETWEEN_LOOKS)


def service_interfaces(ec2: "EC2Client", vpc: str) -> Iterator[str]:
    """Yields the ids of the VPC's network interfaces that Glue or Lambda created."""
    pages = ec2.get_paginator("describe_network_interfaces").paginate(Filters=[{"Name": "vpc-id", "Values": [vpc]}])
    for page in pages:
        for interface in page["NetworkInterfaces"]:
            if SERVICE_INTERFACE.match(interface.get("Description", "")):
                yield interface["NetworkInterfaceId"]


def sweep_log_groups(config: Config) -> None:
    """Deletes the environment's log groups without a stack: after its removal, a service has created them again."""
    logs = boto3.client("logs")
    owned = set(stack_log_groups(config))
    for name in log_groups(config):
        if name not in owned:
            print(f"deleting log group {name}")
            logs.delete_log_group(logGroupName=name)


def stack_log_groups(config: Config) -> Iterator[str]:
    """Yields the log groups of the environment's stacks that exist."""
    cloudformation = boto3.client("cloudformation")
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            if stack["StackName"].startswith(config.name("")) and stack["StackStatus"] != "DELETE_COMPLETE":
                yield from physical_ids(cloudformation, stack["StackName"], "AWS::Logs::LogGroup")


def log_groups(config: Config) -> Iterator[str]:
    """Yields the log groups whose names belong to the environment."""
    prefixes = (
        config.log_group_name(""),
        f"/aws/lambda/{config.name('')}",
        f"/aws/rds/instance/{config.name('')}",
        f"{PROJECT}-{config.environment}-",
    )
    for prefix in prefixes:
        for page in boto3.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for group in page["logGroups"]:
                yield group["logGroupName"]
