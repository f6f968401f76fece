import re
from dataclasses import replace
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_secretsmanager as secretsmanager

from runtime.attribution_job.arguments import parse_arguments
from stacks.config import DEV
from stacks.job_arguments import job_arguments
from tests.stacks.conftest import Environment, actions, resources


@pytest.fixture
def job(environment: Environment) -> dict[str, Any]:
    return environment.properties("Processing", "AWS::Glue::Job")


def test_the_job_streams_on_glue_6(job: dict[str, Any], environment: Environment) -> None:
    assert job["Command"]["Name"] == "gluestreaming"
    assert job["GlueVersion"] == "6.0"
    assert (job["WorkerType"], job["NumberOfWorkers"]) == ("G.1X", environment.config.job_workers)


def test_dev_has_two_workers(dev: Environment) -> None:
    assert dev.properties("Processing", "AWS::Glue::Job")["NumberOfWorkers"] == 2


def test_two_runs_never_share_a_checkpoint(job: dict[str, Any]) -> None:
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert job["JobRunQueuingEnabled"] is False


def test_a_failed_run_is_retried_once(job: dict[str, Any]) -> None:
    assert job["MaxRetries"] == 1


def test_production_runs_for_seven_days_or_until_the_maintenance_window(prod: Environment) -> None:
    job = prod.properties("Processing", "AWS::Glue::Job")
    assert job["Timeout"] == 10_080, "Glue restarts no run with a shorter timeout, and its default is eight hours"
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
        "--kinesis_reader",
        "--shuffle_partitions",
    }
    assert {"--region", "--checkpoint"} < set(job["DefaultArguments"])


def test_the_configured_arguments_are_valid_for_the_job(job: dict[str, Any], environment: Environment) -> None:
    words = [word for pair in job["DefaultArguments"].items() for word in pair]
    arguments = parse_arguments([word if isinstance(word, str) else "token" for word in words])
    config = environment.config
    assert arguments.kinesis_reader == config.kinesis_reader == "driver"
    assert arguments.trigger == f"{round(1000 * config.trigger_seconds)} milliseconds"
    assert arguments.records_per_batch == config.records_per_batch
    assert arguments.shuffle_partitions == config.shuffle_partitions
    assert arguments.writers == config.writers


def test_every_executor_core_of_production_has_a_partition(prod: Environment) -> None:
    executor_cores = 4 * (prod.config.job_workers - 1)
    assert 1 <= prod.config.shuffle_partitions / executor_cores <= 2


def test_s3a_knows_its_region_and_is_found_by_file_contexts(job: dict[str, Any]) -> None:
    conf = job["DefaultArguments"]["--conf"]["Fn::Join"][1]
    assert conf == [
        "spark.hadoop.fs.s3a.endpoint.region=",
        {"Ref": "AWS::Region"},
        " --conf spark.hadoop.fs.AbstractFileSystem.s3.impl=org.apache.hadoop.fs.s3a.S3A",
    ]


def test_glue_publishes_the_metrics_of_the_dashboard(job: dict[str, Any]) -> None:
    assert "--enable-metrics" in job["DefaultArguments"]
    assert job["DefaultArguments"]["--enable-observability-metrics"] == "true"


def test_the_configuration_says_where_the_join_runs(job: dict[str, Any], environment: Environment) -> None:
    assert job["DefaultArguments"]["--attribution_join"] == environment.config.attribution_join == "postgres"


def test_the_job_gets_the_event_mapping_of_its_environment(job: dict[str, Any]) -> None:
    assert "--event_mapping" not in job["DefaultArguments"]
    stack = Stack(App())
    clicks, checkouts = (kinesis.Stream(stack, name) for name in ("Clicks", "Checkouts"))
    arguments = job_arguments(
        replace(DEV, event_mapping="segment"), region="eu-west-1", clicks=clicks, checkouts=checkouts,
        checkpoint="s3://b/p", writer_login=secretsmanager.Secret(stack, "Login"),
    )  # fmt: skip
    assert arguments["--event_mapping"] == "segment"


def test_code_and_packages_come_only_from_the_bucket_of_assets(job: dict[str, Any]) -> None:
    arguments = job["DefaultArguments"]
    bucket = {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}
    for argument, name in (("--extra-py-files", r"\.zip"), ("--additional-python-modules", r"\.gluewheels\.zip")):
        scheme, host, path = parts(arguments[argument])
        assert (scheme, host) == ("s3://", bucket)
        assert re.fullmatch(rf"/[0-9a-f]{{64}}{name}", path)
    assert arguments["--python-modules-installer-option"] == "--no-index", "pip must not ask the internet"


def parts(url: dict[str, Any]) -> list[Any]:
    """Returns the three parts of an S3 URL in a template."""
    if "Fn::Sub" in url:
        host, slash, path = url["Fn::Sub"].removeprefix("s3://").partition("/")
        return ["s3://", {"Fn::Sub": host}, slash + path]
    joined: list[Any] = url["Fn::Join"][1]
    return joined


def test_the_job_logs_to_encrypted_groups_with_a_retention(job: dict[str, Any], environment: Environment) -> None:
    prefix = job["DefaultArguments"]["--custom-logGroup-prefix"]
    groups = {
        group["Properties"]["LogGroupName"]: group["Properties"]
        for group in environment.resources("Processing", "AWS::Logs::LogGroup").values()
    }
    for name in ("output", "error"):
        assert groups[f"{prefix}/{name}"]["KmsKeyId"]
        assert groups[f"{prefix}/{name}"]["RetentionInDays"]


def test_cloudwatch_may_use_the_key_only_for_the_jobs_logs(environment: Environment) -> None:
    policy = environment.properties("Processing", "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    (statement,) = [statement for statement in policy if "logs." in str(statement["Principal"])]
    arn = str(statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"])
    assert f":log-group:/ecommerce-streaming/{environment.config.environment}/attribution-job/*" in arn


def test_checkpoints_are_encrypted_versioned_and_private_and_old_versions_expire(environment: Environment) -> None:
    bucket = environment.properties("Processing", "AWS::S3::Bucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    (lifecycle,) = bucket["LifecycleConfiguration"]["Rules"]
    assert lifecycle["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert lifecycle["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}


def test_the_checkpoint_bucket_requires_tls(environment: Environment) -> None:
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


def test_the_orchestrator_may_only_manage_runs_of_the_job(environment: Environment) -> None:
    (statement,) = [
        statement
        for statement in environment.statements("Processing", "OrchestratorRole")
        if any(action.startswith("glue:") for action in actions(statement))
    ]
    assert actions(statement) == {"glue:GetJobRuns", "glue:StartJobRun", "glue:BatchStopJobRun"}
    (job,) = environment.resources("Processing", "AWS::Glue::Job")
    assert [job in str(resource) for resource in resources(statement)] == [True]


def schedules(environment: Environment) -> dict[str, tuple[str, str]]:
    """Returns the input and the schedule of each rule, by the rule's name."""
    rules = [rule["Properties"] for rule in environment.resources("Processing", "AWS::Events::Rule").values()]
    return {rule["Name"]: (rule["Targets"][0]["Input"], rule["ScheduleExpression"]) for rule in rules}


def test_dev_is_stopped_in_the_evening_and_started_by_hand(dev: Environment) -> None:
    assert schedules(dev) == {"ecommerce-streaming-dev-stop-job": ('{"action":"stop"}', "cron(0 20 * * ? *)")}


def test_production_is_restarted_after_any_end_of_a_run(prod: Environment) -> None:
    assert schedules(prod) == {"ecommerce-streaming-prod-start-job": ('{"action":"start"}', "rate(1 minute)")}
