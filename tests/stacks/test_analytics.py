"""The stack of the refresh and of the files that it loads."""

from typing import Any

from tests.stacks.conftest import Environment, actions, resources


def rule(environment: Environment, key: str) -> dict[str, Any]:
    """Returns the properties of the stack's only rule with a property."""
    rules = environment.resources("Analytics", "AWS::Events::Rule").values()
    (properties,) = [rule["Properties"] for rule in rules if key in rule["Properties"]]
    return dict(properties)


def test_the_models_are_refreshed_every_five_minutes(environment: Environment) -> None:
    schedule = rule(environment, "ScheduleExpression")
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    assert schedule["State"] == "ENABLED"
    assert schedule["Name"] == f"ecommerce-streaming-{environment.config.environment}-refresh"


def test_a_new_object_invokes_the_same_function(environment: Environment) -> None:
    (bucket,) = environment.resources("Analytics", "AWS::S3::Bucket")
    new_object = rule(environment, "EventPattern")
    assert new_object["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [{"Ref": bucket}]}},
    }
    (function,) = environment.resources("Analytics", "AWS::Lambda::Function")
    for definition in (new_object, rule(environment, "ScheduleExpression")):
        (target,) = definition["Targets"]
        assert target["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    notifications = environment.properties("Analytics", "AWS::S3::Bucket")["NotificationConfiguration"]
    assert notifications == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_a_failed_invocation_is_retried_twice(environment: Environment) -> None:
    invoked = environment.properties("Analytics", "AWS::Lambda::EventInvokeConfig")
    assert (invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]) == (2, 1800)


def test_the_bucket_is_private_encrypted_versioned_and_refuses_plain_http(environment: Environment) -> None:
    bucket = environment.properties("Analytics", "AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "ServerSideEncryptionConfiguration" in bucket["BucketEncryption"]
    policy = environment.properties("Analytics", "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    denied = [statement["Condition"] for statement in policy if statement["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in denied


def test_old_versions_of_files_expire_and_files_stay(environment: Environment) -> None:
    (lifecycle,) = environment.properties("Analytics", "AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert lifecycle["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert "ExpirationInDays" not in lifecycle


def test_files_are_kept_where_data_is_kept(dev: Environment, prod: Environment) -> None:
    for environment, policy in ((dev, "Delete"), (prod, "Retain")):
        (bucket,) = environment.resources("Analytics", "AWS::S3::Bucket").values()
        assert bucket["DeletionPolicy"] == policy


def test_the_function_reads_one_login_and_one_folder(environment: Environment) -> None:
    statements = environment.statements("Analytics", "AnalyticsRole")
    (secrets,) = [s for s in statements if "secretsmanager:GetSecretValue" in actions(s)]
    assert "AnalyticsLogin" in str(resources(secrets))
    (files,) = [s for s in statements if "s3:GetObject" in actions(s)]
    assert str(resources(files)).endswith("'/inputs/*']]}]")
    assert actions(files) == {"s3:GetObject"}


def test_the_function_runs_in_the_private_subnets_and_reaches_only_https_and_the_database(
    environment: Environment,
) -> None:
    function = environment.properties("Analytics", "AWS::Lambda::Function")
    assert all("VpcprivateSubnet" in subnet["Fn::ImportValue"] for subnet in function["VpcConfig"]["SubnetIds"])
    group = environment.properties("Analytics", "AWS::EC2::SecurityGroup")
    assert [rule["ToPort"] for rule in group["SecurityGroupEgress"]] == [443]
    egress = environment.properties("Analytics", "AWS::EC2::SecurityGroupEgress")
    assert "EndpointPort" in str(egress["ToPort"])


def test_no_concurrency_is_reserved_which_new_accounts_cannot_do(environment: Environment) -> None:
    assert "ReservedConcurrentExecutions" not in environment.properties("Analytics", "AWS::Lambda::Function")


def test_people_find_the_bucket_in_the_outputs(environment: Environment) -> None:
    (bucket,) = environment.resources("Analytics", "AWS::S3::Bucket")
    assert environment.templates["Analytics"].to_json()["Outputs"]["InputsBucket"]["Value"] == {"Ref": bucket}
