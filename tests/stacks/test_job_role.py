from typing import Any

from tests.stacks.conftest import Environment, actions, resources


def allowed(environment: Environment, action: str) -> list[Any]:
    """Returns the resources of the statement that allows the action."""
    (statement,) = [
        statement for statement in environment.statements("Processing", "JobRole") if action in actions(statement)
    ]
    return resources(statement)


def test_the_job_role_has_exactly_the_required_actions(environment: Environment) -> None:
    granted = {action for statement in environment.statements("Processing", "JobRole") for action in actions(statement)}
    assert granted == {
        "cloudwatch:PutMetricData",
        "ec2:CreateNetworkInterface",
        "ec2:CreateTags",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteTags",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeRouteTables",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcAttribute",
        "ec2:DescribeVpcEndpoints",
        "glue:GetConnection",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "secretsmanager:GetSecretValue",
    }


def test_the_job_reads_the_writers_login_and_no_other(environment: Environment) -> None:
    (secret,) = allowed(environment, "secretsmanager:GetSecretValue")
    assert "WriterLogin" in str(secret)


def test_the_job_writes_only_under_its_checkpoint_prefix(environment: Environment) -> None:
    (objects,) = allowed(environment, "s3:PutObject")
    (bucket,) = environment.resources("Processing", "AWS::S3::Bucket")
    assert objects == {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/attribution*"]]}


def test_the_job_publishes_metrics_only_in_the_glue_namespace(environment: Environment) -> None:
    (statement,) = [
        statement
        for statement in environment.statements("Processing", "JobRole")
        if "cloudwatch:PutMetricData" in actions(statement)
    ]
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Glue"}}
