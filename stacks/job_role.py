"""The IAM role of the attribution job."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.acknowledgements import acknowledge


class JobRole(iam.Role):
    """The permissions to read two streams and one login, and to write one checkpoint and the job's logs.

    Explicit statements replace those grants of the construct library that would be too broad.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        checkpoint: tuple[s3.Bucket, str],
        log_groups: Sequence[logs.LogGroup],
        streams: Sequence[kinesis.Stream],
        writer_login: secretsmanager.Secret,
        connections: Sequence[glue.Connection],
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
            description="Role of the attribution job",
        )
        for stream in streams:
            self._allow_stream(stream)
        self._allow(["secretsmanager:GetSecretValue"], [writer_login.secret_arn])
        for log_group in log_groups:
            # Glue tries to create a group before it writes to it.
            log_group.grant(self, "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
        self._allow_checkpoint(*checkpoint)
        self._allow_connections(connections)
        self._allow_network_interfaces()
        self._allow_metrics()

    def allow_reading(self, bucket: s3.IBucket, key: str) -> None:
        """Allows the job to load its script, its code or its packages."""
        self._allow(["s3:GetObject"], [bucket.arn_for_objects(key)])

    def _allow_stream(self, stream: kinesis.Stream) -> None:
        """Allows the calls of the polling connector: https://github.com/awslabs/spark-sql-kinesis-connector"""
        actions = ("DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards")
        stream.grant(self, *(f"kinesis:{action}" for action in actions))
        if stream.encryption_key:
            stream.encryption_key.grant_decrypt(self)

    def _allow_checkpoint(self, bucket: s3.Bucket, prefix: str) -> None:
        # No slash before the wildcard: Hadoop marks a folder by an object beside it, `<folder>_$folder$`.
        self._allow(
            ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            [bucket.arn_for_objects(f"{prefix}*")],
        )
        self._allow(["s3:ListBucket", "s3:GetBucketLocation"], [bucket.bucket_arn])
        if bucket.encryption_key:
            bucket.encryption_key.grant(self, "kms:Decrypt", "kms:GenerateDataKey")
        bucket_id = Stack.of(self).resolve(bucket.bucket_arn)["Fn::GetAtt"][0]
        acknowledge(
            self, {f"IAM5[Resource::<{bucket_id}.Arn>/{prefix}*]": "Spark chooses the names of its checkpoint files."}
        )

    def _allow_connections(self, connections: Sequence[glue.Connection]) -> None:
        catalog = Stack.of(self).format_arn(service="glue", resource="catalog")
        self._allow(["glue:GetConnection"], [catalog, *(connection.connection_arn for connection in connections)])

    def _allow_network_interfaces(self) -> None:
        """Allows the calls that Glue makes on behalf of a job with a connection."""
        self._allow(
            [
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeRouteTables",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcAttribute",
                "ec2:DescribeVpcEndpoints",
            ],
            ["*"],
        )
        self._allow(
            ["ec2:CreateTags", "ec2:DeleteTags"],
            [Stack.of(self).format_arn(service="ec2", resource="network-interface", resource_name="*")],
            {"ForAllValues:StringEquals": {"aws:TagKeys": ["aws-glue-service-resource"]}},
        )
        any_interface = "arn:<AWS::Partition>:ec2:<AWS::Region>:<AWS::AccountId>:network-interface/*"
        acknowledge(
            self, {f"IAM5[Resource::{any_interface}]": "Glue puts its own tag on interfaces that do not exist yet."}
        )

    def _allow_metrics(self) -> None:
        self._allow(["cloudwatch:PutMetricData"], ["*"], {"StringEquals": {"cloudwatch:namespace": "Glue"}})
        reason = (
            "EC2's Describe actions and CloudWatch metrics have no ARN, and Glue needs permissions on interfaces"
            " that do not exist yet."
        )
        acknowledge(self, {"IAM5[Resource::*]": reason})

    def _allow(
        self, actions: Sequence[str], resources: Sequence[str], conditions: dict[str, dict[str, object]] | None = None
    ) -> None:
        self.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions))
