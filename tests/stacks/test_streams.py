import pytest

from tests.stacks.conftest import Environment, actions, resources


def test_the_streams_have_the_agreed_names_and_keep_a_day(environment: Environment) -> None:
    streams = [stream["Properties"] for stream in environment.resources("Streams", "AWS::Kinesis::Stream").values()]
    name = environment.config.environment
    assert {stream["Name"] for stream in streams} == {
        f"ecommerce-streaming-{name}-clicks",
        f"ecommerce-streaming-{name}-checkouts",
    }
    for stream in streams:
        assert stream["RetentionPeriodHours"] == 24
        assert stream["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}


def test_the_streams_are_encrypted_with_a_rotating_customer_managed_key(environment: Environment) -> None:
    (key,) = environment.resources("Streams", "AWS::KMS::Key")
    assert environment.properties("Streams", "AWS::KMS::Key")["EnableKeyRotation"] is True
    for stream in environment.resources("Streams", "AWS::Kinesis::Stream").values():
        encryption = stream["Properties"]["StreamEncryption"]
        assert encryption == {"EncryptionType": "KMS", "KeyId": {"Fn::GetAtt": [key, "Arn"]}}


def test_the_generator_runs_on_the_newest_python_on_arm(environment: Environment) -> None:
    function = environment.properties("Streams", "AWS::Lambda::Function")
    assert function["Runtime"] == "python3.14"
    assert function["Architectures"] == ["arm64"]
    assert function["Handler"] == "runtime.data_generator.handler.handler"
    assert "VpcConfig" not in function


def test_the_generator_may_only_put_records_on_the_two_streams(environment: Environment) -> None:
    statements = environment.statements("Streams", "DataGeneratorRole")
    streams = set(environment.resources("Streams", "AWS::Kinesis::Stream"))
    granted = {action for statement in statements for action in actions(statement)}
    assert granted == {
        "kinesis:PutRecords",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "sqs:SendMessage",
    }
    (puts,) = [statement for statement in statements if "kinesis:PutRecords" in actions(statement)]
    assert {resource["Fn::GetAtt"][0] for resource in resources(puts)} == streams


def test_the_generator_receives_the_names_of_both_streams(environment: Environment) -> None:
    variables = environment.properties("Streams", "AWS::Lambda::Function")["Environment"]["Variables"]
    assert set(variables) == {"CLICKS_STREAM", "CHECKOUTS_STREAM"}


def test_the_generator_starts_every_five_minutes(environment: Environment) -> None:
    rule = environment.properties("Streams", "AWS::Events::Rule")
    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert rule["State"] == "ENABLED"
    assert "Input" not in rule["Targets"][0], "retries are idempotent because the input contains the event's id"


def test_a_failing_invocation_is_retried_twice_and_then_dead_lettered(environment: Environment) -> None:
    (queue,) = environment.resources("Streams", "AWS::SQS::Queue")
    (target,) = environment.properties("Streams", "AWS::Events::Rule")["Targets"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 300}
    assert target["DeadLetterConfig"]["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}
    invoked = environment.properties("Streams", "AWS::Lambda::EventInvokeConfig")
    assert (invoked["MaximumRetryAttempts"], invoked["MaximumEventAgeInSeconds"]) == (2, 300)
    function = environment.properties("Streams", "AWS::Lambda::Function")
    assert function["DeadLetterConfig"]["TargetArn"] == {"Fn::GetAtt": [queue, "Arn"]}


@pytest.mark.parametrize("stack", ["Streams", "Database", "Processing", "Analytics"])
def test_every_function_has_a_log_group_with_a_retention(environment: Environment, stack: str) -> None:
    groups = environment.resources(stack, "AWS::Logs::LogGroup")
    for function in environment.resources(stack, "AWS::Lambda::Function").values():
        group = groups[function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["Properties"]["RetentionInDays"]
