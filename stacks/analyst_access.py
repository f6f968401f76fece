"""The analysts' ways to the database: a security group for CloudShell and, by configuration, a host for tunnels."""

from aws_cdk import CfnOutput
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.config import Config
from stacks.names import HOST_OUTPUT
from stacks.network import PRIVATE

HOST_INSTANCE = "t4g.nano"
HOST_VOLUME_GIB = 8  # the smallest volume for Amazon Linux 2023


class AnalystAccess(Construct):
    """A security group that the database admits, and the host of `config.analyst_host`.

    The group admits nothing itself. Only a person with permissions in the account can put an interface into it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, vpc: ec2.Vpc, database: rds.DatabaseInstance
    ) -> None:
        super().__init__(scope, construct_id)
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            security_group_name=config.name("analyst"),
            description="Analysts: reaches the database, admits nothing",
            allow_all_outbound=False,
        )
        group.connections.allow_to_default_port(database, "Database")
        group.connections.allow_to_any_ipv4(ec2.Port.HTTPS, "Secrets Manager, Session Manager, packages")
        if config.analyst_host:
            host = AnalystHost(self, "Host", config=config, vpc=vpc, security_group=group)
            CfnOutput(self, "HostId", value=host.instance_id).override_logical_id(HOST_OUTPUT)


class AnalystHost(ec2.Instance):
    """An instance without open ports and keys, through which Session Manager forwards connections to the database.

    It stores nothing. When a deployment finds a newer image of Amazon Linux, it replaces the instance.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        vpc: ec2.Vpc,
        security_group: ec2.SecurityGroup,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            instance_name=config.name("analyst-host"),
            instance_type=ec2.InstanceType(HOST_INSTANCE),
            machine_image=ec2.MachineImage.latest_amazon_linux2023(cpu_type=ec2.AmazonLinuxCpuType.ARM_64),
            vpc=vpc,
            vpc_subnets=PRIVATE,
            security_group=security_group,
            role=_host_role(scope, config),
            http_tokens=ec2.HttpTokens.REQUIRED,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        HOST_VOLUME_GIB, volume_type=ec2.EbsDeviceVolumeType.GP3, encrypted=True
                    ),
                )
            ],
            # The default, unlimited, would bill a burst of computation.
            credit_specification=ec2.CpuCredits.STANDARD,
        )
        acknowledge(
            self,
            {
                "EC28": "Metrics every minute have no use: the host computes nothing, and no alarm watches it.",
                "EC29": "The host stores nothing, and a deployment must be able to replace it.",
            },
        )


def _host_role(scope: Construct, config: Config) -> iam.Role:
    """Returns a role for Session Manager's agent, without the other features of Systems Manager.

    AWS' own policy AWSCloud9SSMInstanceProfile has the same actions:
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCloud9SSMInstanceProfile.html
    """
    role = iam.Role(
        scope,
        "HostRole",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        description=f"Role of {config.name('analyst-host')}",
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[
                "ssm:UpdateInstanceInformation",
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            resources=["*"],
        )
    )
    acknowledge(role, {"IAM5[Resource::*]": "The channels of a session have no ARN."})
    return role
