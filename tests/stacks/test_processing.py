from typing import Any

import pytest

from tests.stacks.conftest import Environment, actions, resources


@pytest.fixture
def job(environment: Environment) -> dict[str, Any]:
    return environment.properties("Processing", "AWS::Glue::Job")


def allowed(environment: Environment, action: str) -> list[Any]:
    """The resources of the statement that has the action."""
    (statement,) = [
        statement for statement in environment.statements("Processing", "JobRole") if action in actions(statement)
    ]
    return resources(statement)


def test_the_job_streams_on_glue_6(job: dict[str, Any], environment: Environment) -> None:
    assert job["Command"]["Name"] == "gluestreaming"
    assert job["GlueVersion"] == "6.0"
    assert (job["WorkerType"], job["NumberOfWorkers"]) == ("G.1X", environment.config.job_workers)


def test_dev_has_two_workers(dev: Environment) -> None:
    assert dev.properties("Processing", "AWS::Glue::Job")["NumberOfWorkers"] == 2


def test_two_runs_never_share_a_checkpoint(job: dict[str, Any]) -> None:
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["JobRunQueuingEnabled"] is False


def test_a_failed_run_is_tried_again(job: dict[str, Any]) -> None:
    assert job["MaxRetries"] == 1


def test_production_runs_until_glue_replaces_it_on_sunday_night(prod: Environment) -> None:
    job = prod.properties("Processing", "AWS::Glue::Job")
    assert "Timeout" not in job
    assert job["MaintenanceWindow"] == "Sun:3"


def test_a_forgotten_run_of_dev_ends_after_half_a_day(dev: Environment) -> None:
    assert dev.properties("Processing", "AWS::Glue::Job")["Timeout"] == 12 * 60


def test_the_job_gets_every_argument_that_it_requires(job: dict[str, Any]) -> None:
    own = {name for name in job["DefaultArguments"] if name.islower() and "_" in name}
    assert own == {
        "--clicks_stream",
        "--checkouts_stream",
        "--attribution_join",
        "--database_secret",
        "--trigger_interval",
        "--records_per_batch",
    }
    assert {"--region", "--checkpoint"} < set(job["DefaultArguments"])


def test_the_configuration_says_where_the_join_runs(job: dict[str, Any], environment: Environment) -> None:
    assert job["DefaultArguments"]["--attribution_join"] == environment.config.attribution_join == "spark"


def test_packages_come_from_s3_and_none_from_the_internet(job: dict[str, Any]) -> None:
    assert "--additional-python-modules" not in job["DefaultArguments"]
    assert ".zip" in str(job["DefaultArguments"]["--extra-py-files"])


def test_the_job_logs_to_encrypted_groups_of_ours_that_end(job: dict[str, Any], environment: Environment) -> None:
    prefix = job["DefaultArguments"]["--custom-logGroup-prefix"]
    groups = {
        group["Properties"]["LogGroupName"]: group["Properties"]
        for group in environment.resources("Processing", "AWS::Logs::LogGroup").values()
    }
    for name in ("output", "error"):
        assert groups[f"{prefix}/{name}"]["KmsKeyId"]
        assert groups[f"{prefix}/{name}"]["RetentionInDays"]


def test_cloudwatch_may_use_the_key_for_the_jobs_logs_only(environment: Environment) -> None:
    policy = environment.properties("Processing", "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    (statement,) = [statement for statement in policy if "logs." in str(statement["Principal"])]
    arn = str(statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"])
    assert f":log-group:/ecommerce-streaming/{environment.config.environment}/attribution-job/*" in arn


def test_checkpoints_are_encrypted_versioned_private_and_tidied_up(environment: Environment) -> None:
    bucket = environment.properties("Processing", "AWS::S3::Bucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (lifecycle,) = bucket["LifecycleConfiguration"]["Rules"]
    assert lifecycle["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert lifecycle["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_checkpoints_are_reached_by_tls_only(environment: Environment) -> None:
    policy = environment.properties("Processing", "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    conditions = [statement["Condition"] for statement in policy if statement["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in conditions
    assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in conditions


def test_the_job_has_a_connection_in_every_private_subnet(job: dict[str, Any], environment: Environment) -> None:
    connections = environment.resources("Processing", "AWS::Glue::Connection")
    assert [connection["Ref"] for connection in job["Connections"]["Connections"]] == list(connections)
    subnets = {
        connection["Properties"]["ConnectionInput"]["PhysicalConnectionRequirements"]["SubnetId"]["Fn::ImportValue"]
        for connection in connections.values()
    }
    assert len(subnets) == 2
    assert all("VpcprivateSubnet" in subnet for subnet in subnets)


def test_driver_and_executors_reach_each_other(environment: Environment) -> None:
    (group,) = environment.resources("Processing", "AWS::EC2::SecurityGroup")
    itself = {"Fn::GetAtt": [group, "GroupId"]}
    for direction, peer in (("Ingress", "SourceSecurityGroupId"), ("Egress", "DestinationSecurityGroupId")):
        rules = [
            rule["Properties"]
            for rule in environment.resources("Processing", f"AWS::EC2::SecurityGroup{direction}").values()
            if rule["Properties"]["GroupId"] == rule["Properties"].get(peer) == itself
        ]
        assert [(rule["FromPort"], rule["ToPort"]) for rule in rules] == [(0, 65535)]


def test_the_job_may_do_exactly_this(environment: Environment) -> None:
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


def test_the_job_writes_below_its_checkpoint_only(environment: Environment) -> None:
    (objects,) = allowed(environment, "s3:PutObject")
    (bucket,) = environment.resources("Processing", "AWS::S3::Bucket")
    assert objects == {"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/attribution*"]]}


def test_the_job_publishes_metrics_of_glue_only(environment: Environment) -> None:
    (statement,) = [
        statement
        for statement in environment.statements("Processing", "JobRole")
        if "cloudwatch:PutMetricData" in actions(statement)
    ]
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": "Glue"}}


def test_the_orchestrator_may_only_touch_the_job(environment: Environment) -> None:
    (statement,) = [
        statement
        for statement in environment.statements("Processing", "OrchestratorRole")
        if any(action.startswith("glue:") for action in actions(statement))
    ]
    assert actions(statement) == {"glue:GetJobRuns", "glue:StartJobRun", "glue:BatchStopJobRun"}
    (job,) = environment.resources("Processing", "AWS::Glue::Job")
    assert [job in str(resource) for resource in resources(statement)] == [True]


def schedules(environment: Environment) -> dict[str, str]:
    return {
        rule["Properties"]["Targets"][0]["Input"]: rule["Properties"]["ScheduleExpression"]
        for rule in environment.resources("Processing", "AWS::Events::Rule").values()
    }


def test_dev_is_stopped_in_the_evening_and_started_by_hand(dev: Environment) -> None:
    assert schedules(dev) == {'{"action":"stop"}': "cron(0 20 * * ? *)"}


def test_production_is_started_again_whatever_ended_it(prod: Environment) -> None:
    assert schedules(prod) == {'{"action":"start"}': "rate(5 minutes)"}
