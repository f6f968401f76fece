"""The Glue job that credits checkouts, and its orchestrator."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.config import Config
from stacks.encryption_key import EncryptionKey
from stacks.job_arguments import job_arguments
from stacks.job_code import JobCode
from stacks.job_role import JobRole
from stacks.orchestrator import Orchestrator

# The hour of the week (UTC) in which Glue restarts a streaming job's run. A run with a timeout below seven days is
# not restarted: https://docs.aws.amazon.com/glue/latest/dg/glue-streaming-maintenance.html
MAINTENANCE_WINDOW = "Sun:3"
CHECKPOINT = "attribution"


class ProcessingStack(Stack):
    """The job with its bucket, role, network and logs, and the orchestrator with its schedules."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        vpc: ec2.Vpc,
        clicks: kinesis.Stream,
        checkouts: kinesis.Stream,
        database: rds.DatabaseInstance,
        writer_login: secretsmanager.Secret,
    ) -> None:
        super().__init__(scope, construct_id, description="The attribution job and its orchestrator")
        self._config = config
        self._key = self._encryption_key()
        self.checkpoints = self._bucket()
        self.job_output = self._log_group("output")
        self._job_errors = self._log_group("error")
        connections = self._connections(vpc, database)
        role = JobRole(
            self,
            "JobRole",
            checkpoint=(self.checkpoints, CHECKPOINT),
            log_groups=[self.job_output, self._job_errors],
            streams=[clicks, checkouts],
            writer_login=writer_login,
            connections=connections,
        )
        self.job = self._job(role, connections, clicks, checkouts, writer_login)
        self.orchestrator = Orchestrator(self, "Orchestrator", config=config, job=self.job)

    def _encryption_key(self) -> EncryptionKey:
        key = EncryptionKey(self, "Key", config=self._config, description="Checkpoints and logs of the attribution job")
        groups = self.format_arn(
            service="logs",
            resource="log-group",
            resource_name=self._config.log_group_name("attribution-job/*"),
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{self.region}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )
        return key

    def _bucket(self) -> s3.Bucket:
        """Returns the bucket of the checkpoint: the offsets in both streams, and the clicks of the last hour."""
        bucket = s3.Bucket(
            self,
            "Checkpoints",
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(7),
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=self._config.removal_policy,
        )
        acknowledge(
            bucket, {"S1": "Only the job writes here, several times a second: an access log would outgrow the data."}
        )
        return bucket

    def _log_group(self, stream: str) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            f"Job{stream.capitalize()}",
            log_group_name=self._config.log_group_name(f"attribution-job/{stream}"),
            encryption_key=self._key,
            retention=self._config.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _connections(self, vpc: ec2.Vpc, database: rds.DatabaseInstance) -> list[glue.Connection]:
        """Returns one connection for each private subnet: Glue takes the next when a zone has no free addresses."""
        group = ec2.SecurityGroup(
            self, "JobSecurityGroup", vpc=vpc, description="Attribution job", allow_all_outbound=False
        )
        group.connections.allow_internally(ec2.Port.all_tcp(), "Driver and executors")
        group.connections.allow_to_any_ipv4(ec2.Port.HTTPS, "AWS services")
        group.connections.allow_to_default_port(database, "Database")
        return [
            glue.Connection(
                self,
                f"Connection{number}",
                type=glue.ConnectionType.NETWORK,
                connection_name=self._config.name(f"private-{number}"),
                network=glue.ConnectionNetwork.subnet(subnet),
                security_groups=[group],
            )
            for number, subnet in enumerate(vpc.select_subnets(subnet_group_name="private").subnets, start=1)
        ]

    def _job(
        self,
        role: JobRole,
        connections: Sequence[glue.Connection],
        clicks: kinesis.Stream,
        checkouts: kinesis.Stream,
        writer_login: secretsmanager.Secret,
    ) -> glue.PySparkStreamingJob:
        code = JobCode(self, "Code", role=role)
        job = glue.PySparkStreamingJob(
            self,
            "AttributionJob",
            job_name=self._config.name("attribution"),
            description="Credits each checkout to the first click of the same user within the hour before it",
            # Prevents the construct from granting access to the whole asset bucket.
            role=role.without_policy_updates(),
            script=code.script,
            extra_python_files=[code.zip],
            glue_version=glue.GlueVersion.V6_0,
            worker_configuration=glue.WorkerConfiguration(
                worker_type=glue.WorkerType.G_1X, number_of_workers=self._config.job_workers
            ),
            connections=connections,
            max_concurrent_runs=1,
            max_retries=1,
            timeout=Duration.hours(self._config.job_timeout_hours),
            # Glue 5 and later always log continuously, to groups with the prefix below, and ignore this older option.
            continuous_logging=glue.ContinuousLoggingProps(enabled=False),
            # The metrics of the Glue graphs on the dashboard. They also need the GlueContext that the job creates.
            enable_metrics=True,
            enable_observability_metrics=True,
            default_arguments=code.arguments
            | job_arguments(
                self._config,
                region=self.region,
                clicks=clicks,
                checkouts=checkouts,
                checkpoint=self.checkpoints.s3_url_for_object(CHECKPOINT),
                writer_login=writer_login,
            ),
        )
        resource = job.node.default_child
        if isinstance(resource, glue.CfnJob):
            resource.maintenance_window = MAINTENANCE_WINDOW
        acknowledge(
            job,
            {
                "GL1": "The log groups belong to this stack, which encrypts them. With a security configuration, Glue"
                " would log to groups of its own, without this stack's retention, metrics and alarms.",
                "GL3": "The job has no bookmark: a streaming query keeps its progress in the encrypted checkpoint.",
            },
        )
        return job
