import json
from typing import Any

import boto3
import pytest

RESOURCES: dict[str, Any] = {
    "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
    "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
    "Nat": {
        "Type": "AWS::EC2::NatGateway",
        "Properties": {"AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]}, "SubnetId": "subnet-1"},
    },
    "Host": {"Type": "AWS::EC2::Instance", "Properties": {"ImageId": {"Ref": "Image"}}},
    "Late": {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 1,
            "Metrics": [{"Id": "share", "Expression": "late / events"}],
        },
    },
}


# The image of stacks/analyst_access.py.
PARAMETERS = {
    "Image": {
        "Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
        "Default": "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64",
    }
}


def template(description: str) -> str:
    outputs = {
        "Cidr": {"Value": {"Fn::GetAtt": ["Vpc", "CidrBlock"]}},
        "Alarm": {"Value": {"Fn::GetAtt": ["Late", "Arn"]}},
    }
    return json.dumps(
        {"Description": description, "Parameters": PARAMETERS, "Resources": RESOURCES, "Outputs": outputs}
    )


def test_recorded_resources_survive_updates_and_can_be_deleted(emulator: str) -> None:
    client = boto3.client("cloudformation")
    client.create_stack(StackName="shop", TemplateBody=template("one"))
    client.get_waiter("stack_create_complete").wait(StackName="shop", WaiterConfig={"Delay": 1})
    (stack,) = client.describe_stacks(StackName="shop")["Stacks"]
    values = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert values["Cidr"] == "10.0.0.0/16"
    assert values["Alarm"].startswith("arn:aws:cloudwatch:us-east-1:000000000000:alarm:shop-Late")
    created_resources = resources("shop")
    assert created_resources["Nat"].startswith("nat-")
    assert created_resources["Host"].startswith("i-")
    client.update_stack(StackName="shop", TemplateBody=template("two"))
    client.get_waiter("stack_update_complete").wait(StackName="shop", WaiterConfig={"Delay": 1})
    assert resources("shop") == created_resources
    client.delete_stack(StackName="shop")
    client.get_waiter("stack_delete_complete").wait(StackName="shop", WaiterConfig={"Delay": 1})


def test_an_unknown_resource_type_is_refused(emulator: str) -> None:
    client = boto3.client("cloudformation")
    body = json.dumps({"Resources": {"Thing": {"Type": "AWS::Shop::Thing"}}})
    with pytest.raises(client.exceptions.ClientError, match="AWS::Shop::Thing"):
        client.create_stack(StackName="unknown", TemplateBody=body)


def resources(stack: str) -> dict[str, str]:
    """Returns the physical ids of the stack's resources by their logical ids."""
    descriptions = boto3.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    return {resource["LogicalResourceId"]: resource.get("PhysicalResourceId", "") for resource in descriptions}
