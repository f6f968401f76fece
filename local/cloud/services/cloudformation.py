"""CloudFormation: the resource types of the templates that `ministack` lacks.

They are recorded, with an id and their attributes: nothing is made of them, and the log says so.
"""

import logging
import secrets
from collections.abc import Mapping
from typing import Any

from local.cloud.services import ACCOUNT, REGION

log = logging.getLogger(__name__)

Properties = Mapping[str, Any]

# By type: how its ids begin, and the attributes that Fn::GetAtt may ask for; each has the id as its value.
RECORDED = {
    "AWS::EC2::EIP": ("eipalloc", ("AllocationId", "PublicIp")),
    "AWS::EC2::FlowLog": ("fl", ("Id",)),
    "AWS::EC2::NatGateway": ("nat", ("NatGatewayId",)),
    "AWS::EC2::SecurityGroupEgress": ("sgr", ("Id",)),
    "AWS::EC2::SecurityGroupIngress": ("sgr", ("Id",)),
    "AWS::Logs::QueryDefinition": ("query", ("QueryDefinitionId",)),
}
ALARM = "AWS::CloudWatch::Alarm"


def extend(types: dict[str, dict[str, Any]]) -> None:
    """`types`: by resource type, the functions that create, update and delete it."""
    for name in RECORDED:
        types[name] = {"create": _recorder(name), "update": _keep, "delete": _forget}
    types[ALARM] = _with_metric_math(types[ALARM])
    types["AWS::EC2::VPC"] = _with_attribute(types["AWS::EC2::VPC"], "CidrBlock")


def _recorder(name: str) -> Any:
    prefix, attributes = RECORDED[name]

    def create(logical_id: str, _properties: Properties, stack: str) -> tuple[str, dict[str, str]]:
        physical_id = f"{prefix}-{secrets.token_hex(8)}"
        log.warning("%s of %s: %s is only recorded, nothing is made of it", logical_id, stack, name)
        return physical_id, dict.fromkeys(attributes, physical_id)

    return create


def _keep(physical_id: str, *_: object) -> tuple[str, dict[str, str]]:
    return physical_id, {}


def _forget(_physical_id: str, _properties: Properties) -> None:
    pass


def _with_metric_math(alarm: dict[str, Any]) -> dict[str, Any]:
    """An alarm on an expression over metrics is recorded; any other works."""

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        if "Metrics" not in properties:
            return alarm["create"](logical_id, properties, stack)
        log.warning("%s of %s: an alarm on metric math is only recorded, it never fires", logical_id, stack)
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
    """The value of a property is an attribute, too."""

    def create(logical_id: str, properties: Properties, stack: str) -> Any:
        physical_id, attributes = handlers["create"](logical_id, properties, stack)
        return physical_id, attributes | {name: properties[name]}

    return handlers | {"create": create}
