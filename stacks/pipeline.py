"""The delivery pipeline. A push to main is checked, deployed to dev, smoke-tested, approved and deployed to prod."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack, Tags, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.build_environment import MEDIUM, SMALL, build_spec
from stacks.component_build import COMPONENTS, ComponentBuild
from stacks.config import PROJECT, Config
from stacks.delivery import Delivery
from stacks.pipeline_findings import acknowledge_findings
from stacks.pipeline_tools import CLI_VERSION, pin_tools, publishing_permissions
from stacks.stage import StreamingStage


class PipelineStack(Stack):
    """The pipeline, which deploys both environments and itself, and the component builds."""

    def __init__(
        self, scope: Construct, construct_id: str, *, delivery: Delivery, dev: StreamingStage, prod: StreamingStage
    ) -> None:
        super().__init__(scope, construct_id, stack_name=f"{PROJECT}-pipeline", description="Builds, tests and deploys")
        Tags.of(self).add("project", PROJECT)
        self._delivery = delivery
        self._key = self._encryption_key()
        self._log_group = self._logs()
        self._source = pipelines.CodePipelineSource.connection(
            delivery.repository,
            "main",
            connection_arn=delivery.connection_arn,
            # A full clone with its history, because some tests clone the repository.
            code_build_clone_output=True,
        )
        self.pipeline = self._pipeline()
        self._deploy_with_smoke_test(dev)
        self._deploy_after_approval(prod)
        self.pipeline.build_pipeline()
        self.pipeline.pipeline.role.add_to_principal_policy(self._connection_use())
        pin_tools(self.pipeline)
        acknowledge_findings(self.pipeline)
        for component in COMPONENTS:
            self._component_build(component)

    def _encryption_key(self) -> kms.Key:
        return kms.Key(
            self,
            "Key",
            description="Artifacts of the pipeline",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _logs(self) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/{PROJECT}/pipeline",
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _artifacts(self) -> s3.Bucket:
        """Returns the bucket of templates, bundles and bills of materials.

        `make destroy ENV=pipeline` empties the bucket.
        """
        bucket = s3.Bucket(
            self,
            "Artifacts",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[
                s3.LifecycleRule(expiration=Duration.days(90), abort_incomplete_multipart_upload_after=Duration.days(1))
            ],
            removal_policy=RemovalPolicy.DESTROY,
        )
        acknowledge(
            bucket,
            {"S1": "Only the pipeline's own steps use the bucket, and the pipeline's history records each step."},
        )
        return bucket

    def _pipeline(self) -> pipelines.CodePipeline:
        return pipelines.CodePipeline(
            self,
            "Pipeline",
            pipeline_name=PROJECT,
            pipeline_type=codepipeline.PipelineType.V2,
            artifact_bucket=self._artifacts(),
            synth=self._synth(),
            self_mutation=True,
            cli_version=CLI_VERSION,
            publish_assets_in_parallel=False,
            asset_publishing_code_build_defaults=pipelines.CodeBuildOptions(role_policy=[publishing_permissions()]),
            use_pipeline_role_for_actions=True,
            code_build_defaults=pipelines.CodeBuildOptions(
                build_environment=SMALL, logging=self._logging(), timeout=Duration.hours(1)
            ),
        )

    def _synth(self) -> pipelines.CodeBuildStep:
        step = pipelines.CodeBuildStep(
            "Synth",
            input=self._source,
            commands=["make lint", "make test", "make audit sbom", "make synth ENVIRONMENTS=pipeline"],
            build_environment=MEDIUM,
            partial_build_spec=build_spec(),
            primary_output_directory="cdk.out/pipeline",
            role_policy_statements=[self._connection_use()],
        )
        step.add_output_directory("sbom")
        return step

    def _deploy_with_smoke_test(self, stage: StreamingStage) -> None:
        step = pipelines.CodeBuildStep(
            "Smoke",
            input=self._source,
            commands=[f"make smoke ENV={stage.config.environment}"],
            partial_build_spec=build_spec(),
            role_policy_statements=[self._connection_use(), *self._smoke_permissions(stage.config)],
        )
        self.pipeline.add_stage(stage, post=[step])

    def _deploy_after_approval(self, stage: StreamingStage) -> None:
        approval = pipelines.ManualApprovalStep("Approve", comment="Dev runs this version. Deploy it to prod?")
        permissions = pipelines.ConfirmPermissionsBroadening("Permissions", stage=stage)
        self.pipeline.add_stage(stage, pre=[approval, permissions])

    def _connection_use(self) -> iam.PolicyStatement:
        """Returns the permission to use the connection under its service's prefix.

        CDK grants only the former prefix, which does not apply to new connections.
        """
        action = f"{self._delivery.connection_service}:UseConnection"
        return iam.PolicyStatement(actions=[action], resources=[self._delivery.connection_arn])

    def _smoke_permissions(self, config: Config) -> list[iam.PolicyStatement]:
        """Returns the permissions of the smoke test.

        They name resources, because this stack cannot refer to a stage that is deployed after it.
        """
        functions = [
            self.format_arn(
                service="lambda",
                resource="function",
                resource_name=config.name(function),
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
            for function in ("orchestrator", "analytics")
        ]
        job_output = self.format_arn(
            service="logs",
            resource="log-group",
            resource_name=config.log_group_name("attribution-job/output"),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return [
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=functions),
            iam.PolicyStatement(actions=["logs:FilterLogEvents"], resources=[f"{job_output}:*"]),
        ]

    def _component_build(self, component: str) -> None:
        ComponentBuild(
            self,
            "".join(word.capitalize() for word in component.split("_")),
            component=component,
            delivery=self._delivery,
            encryption_key=self._key,
            log_group=self._log_group,
        )

    def _logging(self) -> codebuild.LoggingOptions:
        return codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self._log_group))
