"""The Lambda function of one component of runtime/."""

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.bundling import lambda_folder
from stacks.config import Config


class PythonFunction(lambda_.Function):
    """A function on the newest Python and arm64.

    Its log group has a retention. Its role may only write to this log group until other permissions are added.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        component: str,
        description: str,
        environment: Mapping[str, str],
        timeout: Duration,
        **function_properties: Any,
    ) -> None:
        name = config.name(component.replace("_", "-"))
        log_group = logs.LogGroup(
            scope,
            f"{construct_id}Logs",
            log_group_name=f"/aws/lambda/{name}",
            retention=config.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        # The default role would have a managed policy that allows writing to every log group.
        role = iam.Role(
            scope,
            f"{construct_id}Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Role of {name}",
        )
        log_group.grant_write(role)
        if "vpc" in function_properties:
            _allow_network_interfaces(role)
        super().__init__(
            scope,
            construct_id,
            function_name=name,
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(lambda_folder(scope, component))),
            handler=f"runtime.{component}.handler.handler",
            environment=dict(environment),
            timeout=timeout,
            role=role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            **function_properties,
        )


def _allow_network_interfaces(role: iam.Role) -> None:
    """Allows Lambda to attach functions with this role to a VPC.

    The permissions are those that https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html requires.
    """
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            ],
            resources=["*"],
        )
    )
    acknowledge(role, {"IAM5[Resource::*]": "Lambda needs these permissions on interfaces that do not exist yet."})
