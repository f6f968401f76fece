"""The function that refreshes the attribution models, and the bucket of the files that it loads."""

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from runtime.analytics.loading.kinds import INPUTS_FOLDER
from stacks.acknowledgements import acknowledge
from stacks.config import Config
from stacks.network import PRIVATE
from stacks.python_function import PythonFunction


class AnalyticsStack(Stack):
    """The function with its schedule and network, and the inputs' bucket, whose new objects it loads."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        vpc: ec2.Vpc,
        database: rds.DatabaseInstance,
        login: secretsmanager.Secret,
    ) -> None:
        super().__init__(scope, construct_id, description="The refresh of the attribution models, and their inputs")
        self._config = config
        self.inputs = self._bucket()
        self.function = self._function(vpc, database, login)
        self._refresh_on_schedule()
        self._load_new_objects()
        CfnOutput(self, "InputsBucket", value=self.inputs.bucket_name, description="Bucket of spend, rates and rules")

    def _bucket(self) -> s3.Bucket:
        """Returns the bucket of the inputs. S3 encrypts it: a key of its own would protect no personal data."""
        bucket = s3.Bucket(
            self,
            "Inputs",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(90),
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=self._config.removal_policy,
        )
        # The construct's own property would add a function: docs/decisions/no-helper-functions.md
        resource = bucket.node.default_child
        if isinstance(resource, s3.CfnBucket):
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
            )
        acknowledge(bucket, {"S1": "The function logs each new object, and old versions stay for 90 days."})
        return bucket

    def _function(self, vpc: ec2.Vpc, database: rds.DatabaseInstance, login: secretsmanager.Secret) -> PythonFunction:
        group = ec2.SecurityGroup(
            self, "SecurityGroup", vpc=vpc, description="Refresh of the attribution models", allow_all_outbound=False
        )
        # No reserved concurrency: the refresh takes a lock in the database, and an account with Lambda's initial limit
        # of ten concurrent executions cannot reserve any.
        function = PythonFunction(
            self,
            "Analytics",
            config=self._config,
            component="analytics",
            description="Refreshes the attribution models; loads spend, rates and rules from a bucket",
            environment={
                "DATABASE_SECRET": login.secret_arn,
                "CLICK_RETENTION_DAYS": str(self._config.click_retention_days),
            },
            # The longest that Lambda allows, for the first refresh. Later ones take seconds.
            timeout=Duration.minutes(15),
            # The largest file, 64 MiB of spend, takes 1.3 GB. The refresh takes less than 0.5 GB.
            memory_size=2048,
            retry_attempts=2,
            max_event_age=Duration.minutes(30),
            vpc=vpc,
            vpc_subnets=PRIVATE,
            security_groups=[group],
        )
        objects = self.inputs.arn_for_objects(f"{INPUTS_FOLDER}/*")
        for action, resource in (("secretsmanager:GetSecretValue", login.secret_arn), ("s3:GetObject", objects)):
            function.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        function.connections.allow_to_default_port(database)
        function.connections.allow_to_any_ipv4(ec2.Port.HTTPS, "Secrets Manager and S3")
        bucket_id = self.resolve(self.inputs.bucket_arn)["Fn::GetAtt"][0]
        finding = f"IAM5[Resource::<{bucket_id}.Arn>/{INPUTS_FOLDER}/*]"
        if function.role:
            acknowledge(function.role, {finding: "People choose the names of their files."})
        return function

    def _refresh_on_schedule(self) -> None:
        """Adds the schedule. Operators disable it by its name: docs/operations.md, "Analytics errors"."""
        events.Rule(
            self,
            "Schedule",
            rule_name=self._config.name("refresh"),
            description="Refreshes the attribution models",
            schedule=events.Schedule.expression(self._config.refresh_schedule),
            targets=[self._target()],
        )

    def _load_new_objects(self) -> None:
        """Adds a rule for every new object: the function refuses, and reports, those in another folder."""
        events.Rule(
            self,
            "NewObject",
            description="Loads a new object of the inputs' bucket",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={"bucket": {"name": [self.inputs.bucket_name]}},
            ),
            targets=[self._target()],
        )

    def _target(self) -> targets.LambdaFunction:
        return targets.LambdaFunction(self.function, retry_attempts=2, max_event_age=Duration.minutes(30))
