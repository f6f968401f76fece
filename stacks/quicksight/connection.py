"""QuickSight's way into the VPC: network interfaces in the private subnets that reach the database and nothing else."""

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_quicksight as quicksight
from aws_cdk import aws_rds as rds
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.config import Config
from stacks.network import PRIVATE


class DatabaseConnection(Construct):
    """The VPC connection, its security group, and the role by which QuickSight manages its interfaces.

    The group admits nothing: since April 2023 QuickSight's interfaces let answers in, as all others do.
    https://docs.aws.amazon.com/quicksight/latest/user/vpc-inbound-rules.html
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, vpc: ec2.Vpc, database: rds.DatabaseInstance
    ) -> None:
        super().__init__(scope, construct_id)
        group = ec2.SecurityGroup(
            self,
            "SecurityGroup",
            vpc=vpc,
            description="QuickSight: reaches the database, admits nothing",
            allow_all_outbound=False,
        )
        group.connections.allow_to_default_port(database, "Database")
        subnets = vpc.select_subnets(subnet_group_name=PRIVATE.subnet_group_name).subnet_ids
        role = _interface_role(self, vpc, group, subnets)
        resource = quicksight.CfnVPCConnection(
            self,
            "Resource",
            aws_account_id=Stack.of(self).account,
            vpc_connection_id=config.name("database"),
            name=config.name("database"),
            role_arn=role.role_arn,
            security_group_ids=[group.security_group_id],
            subnet_ids=subnets,
        )
        # QuickSight needs the role's policy to create the interfaces, and to delete them. No property refers to the
        # policy, so without this dependency CloudFormation could remove it first, and the interfaces would stay.
        resource.node.add_dependency(role, group)
        self.arn = resource.attr_arn


def _interface_role(scope: Construct, vpc: ec2.Vpc, group: ec2.SecurityGroup, subnets: list[str]) -> iam.Role:
    """Returns a role with the five actions that AWS names for VPC connections, on the resources of this VPC.

    https://docs.aws.amazon.com/quicksight/latest/user/vpc-creating-a-connection-in-quicksight-cli.html
    """
    stack = Stack.of(scope)

    def arn(resource: str, name: str) -> str:
        return stack.format_arn(service="ec2", resource=resource, resource_name=name)

    security_group, interfaces = arn("security-group", group.security_group_id), arn("network-interface", "*")
    of_vpc = {"StringEquals": {"ec2:Vpc": vpc.vpc_arn}}
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.ServicePrincipal("quicksight.amazonaws.com"),
        description="Network interfaces of QuickSight",
    )
    for statement in (
        iam.PolicyStatement(actions=["ec2:DescribeSecurityGroups", "ec2:DescribeSubnets"], resources=["*"]),
        iam.PolicyStatement(
            actions=["ec2:CreateNetworkInterface"],
            resources=[interfaces, security_group, *(arn("subnet", subnet) for subnet in subnets)],
        ),
        iam.PolicyStatement(
            actions=["ec2:ModifyNetworkInterfaceAttribute"], resources=[interfaces, security_group], conditions=of_vpc
        ),
        iam.PolicyStatement(actions=["ec2:DeleteNetworkInterface"], resources=[interfaces], conditions=of_vpc),
    ):
        role.add_to_policy(statement)
    any_interface = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:network-interface/*"
    acknowledge(
        role,
        {
            "IAM5[Resource::*]": "EC2's Describe actions have no ARN.",
            f"IAM5[Resource::{any_interface}]": "QuickSight's interfaces do not exist yet. They are created in two"
            " subnets only, and changed and deleted in this VPC only.",
        },
    )
    return role
