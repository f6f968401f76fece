"""The Glue job that credits checkouts, and the function that starts and stops it."""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.acknowledgements import acknowledge
from stacks.bundling import RUNTIME, glue_zip
from stacks.config import Config
from stacks.encryption_key import EncryptionKey
from stacks.job_role import JobRole
from stacks.orchestrator import Orchestrator

# The hour of the week (UTC) in which Glue replaces the run of a streaming job, unless the run has a timeout.
MAINTENANCE_WINDOW = "Sun:3"
CHECKPOINT = "attribution"


class ProcessingStack(Stack):
    """The job with its bucket, role, network and logs; the orchestrator with its schedules."""

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
        """What the job remembers: its position in the streams, and the clicks of the last hour."""
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
            bucket, {"S1": "One role writes here, several times a second: a log of that would outgrow the data."}
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
        """One for each private subnet: Glue takes the next when a zone cannot give it addresses."""
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
        hours = self._config.job_timeout_hours
        job = glue.PySparkStreamingJob(
            self,
            "AttributionJob",
            job_name=self._config.name("attribution"),
            description="Credits each checkout to the first click of the same user within the hour before it",
            # The construct would let it read the whole bucket of assets.
            role=role.without_policy_updates(),
            script=self._code(role, "Script", RUNTIME / "attribution_job" / "glue_script.py"),
            extra_python_files=[self._code(role, "Zip", glue_zip(self))],
            glue_version=glue.GlueVersion.V6_0,
            worker_configuration=glue.WorkerConfiguration(
                worker_type=glue.WorkerType.G_1X, number_of_workers=self._config.job_workers
            ),
            connections=connections,
            max_concurrent_runs=1,
            max_retries=1,
            timeout=None if hours is None else Duration.hours(hours),
            # Glue 5 and later log as they go, to groups of the prefix below; the older switch has no effect there.
            continuous_logging=glue.ContinuousLoggingProps(enabled=False),
            default_arguments={
                "--custom-logGroup-prefix": self._config.log_group_name("attribution-job"),
                "--clicks_stream": clicks.stream_name,
                "--checkouts_stream": checkouts.stream_name,
                "--region": self.region,
                "--attribution_join": self._config.attribution_join,
                "--checkpoint": self.checkpoints.s3_url_for_object(CHECKPOINT),
                "--database_secret": writer_login.secret_arn,
                # A batch waits for the next multiple of it, however little it missed the last one; Kinesis answers five
                # requests a second for a shard.
                "--trigger_interval": "200 milliseconds",
                "--records_per_batch": "20000",
            },
        )
        resource = job.node.default_child
        if isinstance(resource, glue.CfnJob):
            resource.maintenance_window = MAINTENANCE_WINDOW
        acknowledge(
            job,
            {
                "GL1": "Its log groups are our own, encrypted with our own key. A security configuration would make"
                " Glue log to groups that it creates itself, without our retention, metrics or alarms.",
                "GL3": "It has no bookmark: a streaming query has its progress in its checkpoint, which is encrypted.",
            },
        )
        return job

    def _code(self, role: JobRole, construct_id: str, path: Path) -> glue.Code:
        asset = s3_assets.Asset(self, construct_id, path=str(path))
        role.allow_reading(asset)
        return glue.Code.from_bucket(asset.bucket, asset.s3_object_key)
