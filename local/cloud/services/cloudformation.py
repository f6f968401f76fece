"""CloudFormation: resource types and an image that the templates use and `ministack` lacks.

These resources get an id and attributes, but no implementation. The log has a warning for each of them.
"""

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from local.cloud.services import ACCOUNT, REGION

log = logging.getLogger(__name__)

Properties = Mapping[str, Any]

# Resource type -> (prefix of its physical ids, attributes for Fn::GetAtt). Each attribute's value is the physical id.
RECORDED = {
    "AWS::EC2::EIP": ("eipalloc", ("AllocationId", "PublicIp")),
    "AWS::EC2::FlowLog": ("fl", ("Id",)),
    "AWS::EC2::Instance": ("i", ("InstanceId",)),
    "AWS::EC2::NatGateway": ("nat", ("NatGatewayId",)),
    "AWS::EC2::SecurityGroupEgress": ("sgr", ("Id",)),
    "AWS::EC2::SecurityGroupIngress": ("sgr", ("Id",)),
    "AWS::Logs::QueryDefinition": ("query", ("QueryDefinitionId",)),
}
ALARM = "AWS::CloudWatch::Alarm"
# AWS' public parameter with the newest image of Amazon Linux on arm64, and the id of an image that does not exist.
IMAGE = {"/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64": "ami-00000000000000001"}


def extend(types: dict[str, dict[str, Any]], ssm: Any) -> None:
    """Adds handlers to `types`, which maps a resource type to its create, update and delete functions.

    Adds the image to `ssm`, the module of Systems Manager.
    """
    ssm._PUBLIC_AMI_PARAMETERS.update(IMAGE)
    for name in RECORDED:
        types[name] = {"create": _recorder(name), "update": _keep, "delete": _forget}
    types[ALARM] = _with_metric_math(types[ALARM])
    types["AWS::EC2::VPC"] = _with_attribute(types["AWS::EC2::VPC"], "CidrBlock")


def _recorder(name: str) -> Any:
    prefix, attributes = RECORDED[name]

    def create(logical_id: str, _properties: Properties, stack: str) -> tuple[str, dict[str, str]]:
        physical_id = f"{prefix}-{secrets.token_hex(8)}"
        log.warning("%s of %s: %s is recorded without an implementation", logical_id, stack, name)
        return physical_id, dict.fromkeys(attributes, physical_id)

    return create


def _keep(physical_id: str, *_: object) -> tuple[str, dict[str, str]]:
    return physical_id, {}


def _forget(_physical_id: str, _properties: Properties) -> None:
    pass


def _with_metric_math(alarm: dict[str, Any]) -> dict[str, Any]:
    """Returns handlers that record an alarm on metric math and pass other alarms to the handlers `alarm`."""

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        if "Metrics" not in properties:
            return alarm["create"](logical_id, properties, stack)
        log.warning("%s of %s: an alarm on metric math is recorded, but never fires", logical_id, stack)
        name = f"{stack}-{logical_id}"
        return name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"}

    def update(physical_id: str, old: Properties, new: Properties, stack: str, logical_id: str) -> Any:
        if "Metrics" not in new:
            return alarm["update"](physical_id, old, new, stack, logical_id)
        return physical_id, {}

    def delete(physical_id: str, properties: Properties) -> None:
        if "Metrics" not in properties:
            alarm["delete"](physical_id, properties)

    return alarm | {"create": create, "update": update, "delete": delete}


def _with_attribute(handlers: dict[str, Any], name: str) -> dict[str, Any]:
    """Returns handlers that also expose the property `name` as an attribute for Fn::GetAtt."""

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        physical_id, attributes = handlers["create"](logical_id, properties, stack)
        return physical_id, attributes | {name: properties[name]}

    return handlers | {"create": create}
