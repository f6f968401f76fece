"""The network of the database and the job: three tiers of subnets in two availability zones."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.config import Config

CIDR = "10.0.0.0/16"
PRIVATE = ec2.SubnetSelection(subnet_group_name="private")
DATABASE = ec2.SubnetSelection(subnet_group_name="database")

SERVICES = ec2.InterfaceVpcEndpointAwsService
# Services that the job and the migrations call. Without a NAT gateway, each one needs an endpoint.
CALLED_SERVICES = {
    "Kinesis": SERVICES.KINESIS_STREAMS,
    "SecretsManager": SERVICES.SECRETS_MANAGER,
    "Kms": SERVICES.KMS,
    "Sts": SERVICES.STS,
    "Logs": SERVICES.CLOUDWATCH_LOGS,
    "Metrics": SERVICES.CLOUDWATCH_MONITORING,
}
# Services that the analysts' host calls. Only agents before 3.3.40 (2024) need a third one, ec2messages:
# https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html
SESSION_SERVICES = {"Ssm": SERVICES.SSM, "SsmMessages": SERVICES.SSM_MESSAGES}


def endpoint_services(config: Config) -> dict[str, ec2.InterfaceVpcEndpointAwsService]:
    """Returns the services that have an interface endpoint in the environment, by construct id."""
    services = {"Glue": SERVICES.GLUE}
    if config.nat_gateways == 0:
        services |= CALLED_SERVICES | (SESSION_SERVICES if config.analyst_host else {})
    return services


class NetworkStack(Stack):
    """The VPC, its endpoints and its flow log."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id, description="Subnets, endpoints and flow log")
        self._config = config
        self.vpc = self._vpc()
        self._add_endpoints()
        self._add_flow_log()

    def _vpc(self) -> ec2.Vpc:
        has_nat = self._config.nat_gateways > 0
        return ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(CIDR),
            max_azs=2,
            nat_gateways=self._config.nat_gateways,
            # CDK allocates addresses in this order, two subnets of each kind. The reserved subnets only move the next
            # subnets to their addresses.
            subnet_configuration=[
                _reserved("10.0.0", 25),
                _subnets("public", ec2.SubnetType.PUBLIC),
                _reserved("10.0.3-7", 23),
                _reserved("10.0.8-9", 24),
                _subnets(
                    "private",
                    ec2.SubnetType.PRIVATE_WITH_EGRESS if has_nat else ec2.SubnetType.PRIVATE_ISOLATED,
                ),
                _reserved("10.0.12-19", 22),
                _subnets("database", ec2.SubnetType.PRIVATE_ISOLATED),
            ],
            # CDK restricts the default group by a function that may change security groups. No resource uses the group,
            # which a test checks.
            restrict_default_security_group=False,
        )

    def _add_endpoints(self) -> None:
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        endpoints = ec2.SecurityGroup(
            self, "Endpoints", vpc=self.vpc, allow_all_outbound=False, description="Endpoints of AWS services"
        )
        endpoints.add_ingress_rule(ec2.Peer.ipv4(CIDR), ec2.Port.HTTPS, "HTTPS from the VPC")
        for name, service in endpoint_services(self._config).items():
            self.vpc.add_interface_endpoint(
                name, service=service, subnets=PRIVATE, security_groups=[endpoints], open=False
            )

    def _add_flow_log(self) -> None:
        log_group = logs.LogGroup(
            self, "FlowLogs", retention=self._config.log_retention, removal_policy=RemovalPolicy.DESTROY
        )
        self.vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(log_group))


def _subnets(name: str, kind: ec2.SubnetType) -> ec2.SubnetConfiguration:
    return ec2.SubnetConfiguration(
        name=name,
        subnet_type=kind,
        cidr_mask=24,
        map_public_ip_on_launch=False if kind is ec2.SubnetType.PUBLIC else None,
    )


def _reserved(addresses: str, cidr_mask: int) -> ec2.SubnetConfiguration:
    return ec2.SubnetConfiguration(
        name=f"reserved {addresses}", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=cidr_mask, reserved=True
    )
