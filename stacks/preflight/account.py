"""Questions to AWS: read-only calls that return small typed answers."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

INCREASE = (
    "aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} --desired-value <n>"
)


class NotAnsweredError(Exception):
    """A question has no trustworthy answer; the message gives the reason."""


@dataclass(frozen=True)
class Identity:
    """The account number, and the ARN of the caller."""

    number: str
    arn: str


@dataclass(frozen=True)
class Quota:
    """How many resources of a kind exist, how many may exist, and how to raise this limit."""

    used: int
    limit: int
    increase: str


@dataclass(frozen=True)
class Offer:
    """A combination that RDS offers for an engine and an instance class."""

    version: str
    storage_type: str
    multi_az: bool
    zones: frozenset[str]


@dataclass(frozen=True)
class Account:
    """An account in one region. `client` returns the boto3 client of a service, in another region if one is given."""

    client: Callable[..., Any]
    region: str
    # Whether an endpoint other than AWS is configured. The local cloud's quotas and offers say nothing about AWS.
    has_own_endpoint: bool = False

    @cached_property
    def identity(self) -> Identity:
        response = self.client("sts").get_caller_identity()
        return Identity(response["Account"], response["Arn"])

    def parameter(self, name: str) -> str | None:
        """Returns a parameter's value, or None when there is no such parameter."""
        response = if_exists(lambda: self.client("ssm").get_parameter(Name=name), "ParameterNotFound")
        return None if response is None else str(response["Parameter"]["Value"])

    def stack_states(self, names: Iterable[str]) -> dict[str, str]:
        """Returns the states of the stacks that exist, by name."""
        states = ((name, self._stack_state(name)) for name in names)
        return {name: state for name, state in states if state is not None}

    def _stack_state(self, name: str) -> str | None:
        # The error's code is ValidationError, which has other causes as well.
        response = if_exists(lambda: self.client("cloudformation").describe_stacks(StackName=name), "does not exist")
        return None if response is None else str(response["Stacks"][0]["StackStatus"])

    def stack_resources(self, stacks: Iterable[str]) -> frozenset[tuple[str, str]]:
        """Returns the type and the physical id of every resource that the stacks own."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return frozenset(
            (resource["ResourceType"], resource.get("PhysicalResourceId", ""))
            for stack in stacks
            for page in pages.paginate(StackName=stack)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceStatus"] not in {"DELETE_COMPLETE", "DELETE_SKIPPED"}
        )

    def vpcs(self) -> Quota:
        self._needs_aws()
        pages = self.client("ec2").get_paginator("describe_vpcs").paginate()
        return self._quota(sum(len(page["Vpcs"]) for page in pages), "vpc", "L-F678F1CE")

    def addresses(self) -> Quota:
        self._needs_aws()
        return self._quota(len(self.client("ec2").describe_addresses()["Addresses"]), "ec2", "L-0263D0A3")

    def on_demand_streams(self) -> Quota:
        self._needs_aws()
        limits = self.client("kinesis").describe_limits()
        increase = "Kinesis Data Streams in the Service Quotas console"
        return Quota(limits["OnDemandStreamCount"], limits["OnDemandStreamCountLimit"], increase)

    def _quota(self, used: int, service: str, code: str) -> Quota:
        """Returns the account's quota, or AWS' default when the account has none of its own."""
        quotas = self.client("service-quotas")
        response = if_exists(
            lambda: quotas.get_service_quota(ServiceCode=service, QuotaCode=code), "NoSuchResourceException"
        ) or quotas.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)
        increase = INCREASE.format(service=service, code=code)
        return Quota(used, int(response["Quota"]["Value"]), increase)

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """The zones from which CloudFormation chooses, in its order.

        These are the zones with a default subnet, or all zones when there is no default subnet:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getavailabilityzones.html
        """
        ec2 = self.client("ec2")
        response = ec2.describe_availability_zones(Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}])
        zones = {zone["ZoneName"] for zone in response["AvailabilityZones"] if zone["State"] == "available"}
        defaults = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        return tuple(sorted(zones & {subnet["AvailabilityZone"] for subnet in defaults} or zones))

    def database_offers(self, engine: str, instance_class: str) -> list[Offer]:
        """Returns the offers of every version, because the API does not take a major version such as 18."""
        self._needs_aws()
        pages = self.client("rds").get_paginator("describe_orderable_db_instance_options")
        return [
            Offer(
                version=option["EngineVersion"],
                storage_type=option["StorageType"],
                multi_az=option["MultiAZCapable"],
                zones=frozenset(zone["Name"] for zone in option["AvailabilityZones"]),
            )
            for page in pages.paginate(Engine=engine, DBInstanceClass=instance_class, Vpc=True)
            for option in page["OrderableDBInstanceOptions"]
        ]

    def endpoint_zones(self, services: Iterable[str]) -> dict[str, frozenset[str]]:
        """Returns the zones of each service that is offered as a VPC endpoint."""
        self._needs_aws()
        filters = [{"Name": "service-name", "Values": sorted(services)}]
        pages = self.client("ec2").get_paginator("describe_vpc_endpoint_services").paginate(Filters=filters)
        return {
            service["ServiceName"]: frozenset(service["AvailabilityZones"])
            for page in pages
            for service in page["ServiceDetails"]
        }

    def knows_runtime(self, runtime: str, architecture: str) -> bool:
        """Tells whether the region's Lambda accepts a runtime as the filter of a list of layers.

        It validates the filter by its list of runtimes. Lambda Core's ListRuntimes returns this list, but the locked
        boto3 does not have the operation yet.
        """
        self._needs_aws()
        request = {"CompatibleRuntime": runtime, "CompatibleArchitecture": architecture, "MaxItems": 1}
        return if_exists(lambda: self.client("lambda").list_layers(**request), "'compatibleRuntime'") is not None

    def has_glue(self) -> bool:
        """Tells whether Glue has an endpoint in the region and answers."""
        self._needs_aws()
        try:
            self.client("glue").get_jobs(MaxResults=1)
        except EndpointConnectionError:
            return False
        return True

    def _needs_aws(self) -> None:
        if self.has_own_endpoint:
            raise NotAnsweredError("only AWS can tell, and the configured endpoint is not AWS")


def if_exists(call: Callable[[], Any], *absent: str) -> Any:
    """Returns the answer of `call`, or None when it fails with an error whose text or code contains one of `absent`."""
    try:
        return call()
    except ClientError as error:
        if any(text in str(error) for text in absent):
            return None
        raise


def connect() -> Account:
    """Returns the account and the region that the CDK CLI would use.

    Raises:
        BotoCoreError: the configured profile does not exist or is malformed.
        NotAnsweredError: no region is configured.
    """
    # The CLI prefers AWS_REGION, which boto3 does not read.
    session: Any = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
    if session.region_name is None:
        raise NotAnsweredError("no region is configured")
    config = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]  # the stubs lack it
    unconfigured = session.client("sts", config=config)
    has_own_endpoint = session.client("sts").meta.endpoint_url != unconfigured.meta.endpoint_url
    return Account(cache(session.client), session.region_name, has_own_endpoint)
