"""What a deployment will create and rely on, read from the synthesized templates."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App

from stacks.config import Config
from stacks.preflight.names import KINDS
from stacks.quicksight.principal import with_principal
from stacks.stage import StreamingStage

ROOT = Path(__file__).parents[2]
Resources = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Database:
    """The offer of RDS that an instance needs."""

    engine: str
    version: str
    instance_class: str
    storage_type: str
    multi_az: bool


@dataclass(frozen=True)
class Plan:
    """The needs of one or more environments in one account and region."""

    environments: tuple[Config, ...]
    stacks: tuple[str, ...]
    bootstrap_parameter: str
    bootstrap_version: int
    vpcs: int
    addresses: int
    on_demand_streams: int
    zones: int
    databases: frozenset[Database]
    runtimes: frozenset[tuple[str, str]]  # of Lambda: name and architecture
    glue_versions: frozenset[str]
    endpoint_services: frozenset[str]
    names: Mapping[str, frozenset[str]]  # physical names by CloudFormation type


def plan(environments: Iterable[Config], region: str) -> Plan:
    """Synthesizes the environments without bundling, and returns what they need in `region`."""
    # Only the CDK CLI reads cdk.json by itself.
    context = json.loads((ROOT / "cdk.json").read_text())["context"] | {"aws:cdk:bundling-stacks": []}
    configs = tuple(with_principal(config, context.get) for config in environments)
    with tempfile.TemporaryDirectory() as folder:
        app = App(context=context, outdir=folder)
        artifacts = [stack for config in configs for stack in StreamingStage(app, config).synth().stacks]
        resources = [resource for stack in artifacts for resource in stack.template.get("Resources", {}).values()]
        parameters = {stack.bootstrap_stack_version_ssm_parameter or "" for stack in artifacts}
        (bootstrap_parameter,) = parameters
        return Plan(
            environments=configs,
            stacks=tuple(stack.stack_name for stack in artifacts),
            bootstrap_parameter=bootstrap_parameter,
            bootstrap_version=int(max(stack.requires_bootstrap_stack_version or 0 for stack in artifacts)),
            vpcs=len(_properties(resources, "AWS::EC2::VPC")),
            addresses=len(_properties(resources, "AWS::EC2::EIP")),
            on_demand_streams=sum(map(_is_on_demand, _properties(resources, "AWS::Kinesis::Stream"))),
            zones=_zones(resources),
            databases=frozenset(map(_database, _properties(resources, "AWS::RDS::DBInstance"))),
            runtimes=frozenset(map(_runtime, _properties(resources, "AWS::Lambda::Function"))),
            glue_versions=frozenset(job["GlueVersion"] for job in _properties(resources, "AWS::Glue::Job")),
            endpoint_services=frozenset(
                _text(endpoint["ServiceName"], region) for endpoint in _properties(resources, "AWS::EC2::VPCEndpoint")
            ),
            names=physical_names(resources),
        )


def physical_names(resources: Resources) -> dict[str, frozenset[str]]:
    """Returns the physical names that the templates prescribe, by CloudFormation type."""
    names = {
        resource_type: frozenset(
            name
            for properties in _properties(resources, resource_type)
            if isinstance(name := _value(properties, kind.name_property), str)
        )
        for resource_type, kind in KINDS.items()
    }
    return {resource_type: found for resource_type, found in names.items() if found}


def _properties(resources: Resources, resource_type: str) -> list[Mapping[str, Any]]:
    return [resource.get("Properties", {}) for resource in resources if resource["Type"] == resource_type]


def _value(properties: Mapping[str, Any], path: str) -> Any:
    value: Any = properties
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _is_on_demand(stream: Mapping[str, Any]) -> bool:
    return bool(stream["StreamModeDetails"]["StreamMode"] == "ON_DEMAND")


def _zones(resources: Resources) -> int:
    """Returns the number of zones: subnets take them by their index in `Fn::GetAZs`."""
    indexes = [subnet["AvailabilityZone"]["Fn::Select"][0] for subnet in _properties(resources, "AWS::EC2::Subnet")]
    return 1 + max(int(index) for index in indexes)


def _database(instance: Mapping[str, Any]) -> Database:
    return Database(
        engine=instance["Engine"],
        version=instance["EngineVersion"],
        instance_class=instance["DBInstanceClass"],
        storage_type=instance["StorageType"],
        multi_az=instance["MultiAZ"],
    )


def _runtime(function: Mapping[str, Any]) -> tuple[str, str]:
    (architecture,) = function["Architectures"]
    return function["Runtime"], architecture


def _text(value: Any, region: str) -> str:
    """Resolves a name that contains the region."""
    if value == {"Ref": "AWS::Region"}:
        return region
    if isinstance(value, Mapping):
        separator, parts = value["Fn::Join"]
        return str(separator).join(_text(part, region) for part in parts)
    return str(value)
