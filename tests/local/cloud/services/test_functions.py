import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from local.servers.job_log import fields
from tests.glue_job import zipped
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

numbers = itertools.count()
HANDLER = """
import logging, psycopg, pydantic_core
def handler(event, context):
    logging.getLogger("shop").info("invoked", extra={"clicks": event.get("clicks")})
    if event.get("clicks") == 13:
        raise ValueError("unlucky")
    return psycopg.pq.__impl__
"""


@pytest.fixture
def client(emulator: str) -> "LambdaClient":
    return boto3.client("lambda")


@pytest.fixture
def function(client: "LambdaClient") -> Iterator[str]:
    """Creates a function whose code contains packages that are compiled for another machine."""
    name = f"function-{next(numbers)}"
    code = {
        "handler.py": HANDLER,
        "psycopg_binary/pq.cpython-314-aarch64-linux-gnu.so": "not for this processor",
        "psycopg_binary/__init__.py": "raise ImportError('made for another machine')",
        "pydantic_core/__init__.py": "raise ImportError('made for another machine')",
        "pydantic_core/core.cpython-314-aarch64-linux-gnu.so": "not for this processor",
    }
    client.create_function(
        FunctionName=name, Runtime="python3.13", Role="arn:aws:iam::000000000000:role/r", Handler="handler.handler",
        Code={"ZipFile": zipped(code)}, Timeout=30,
    )  # fmt: skip
    yield name
    client.delete_function(FunctionName=name)


def log_lines(function: str) -> list[dict[str, Any]]:
    logs = boto3.client("logs")
    try:
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [line for line in map(fields, (event["message"] for event in events)) if line]


def count(namespace: str, metric: str, dimension: str, value: str) -> float:
    """Returns the sum of the metric over the last hour."""
    now = datetime.now(UTC)
    points = boto3.client("cloudwatch").get_metric_statistics(
        Namespace=namespace, MetricName=metric, Dimensions=[{"Name": dimension, "Value": value}], Period=60,
        StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1), Statistics=["Sum"],
    )["Datapoints"]  # fmt: skip
    return sum(point["Sum"] for point in points)


def test_a_function_uses_the_compiled_packages_of_this_machine(client: "LambdaClient", function: str) -> None:
    response = client.invoke(FunctionName=function, Payload=b"{}")
    assert json.loads(response["Payload"].read()) == "binary"


def test_a_function_logs_json_lines(client: "LambdaClient", function: str) -> None:
    client.invoke(FunctionName=function, Payload=b'{"clicks": 7}')
    (line,) = log_lines(function)
    assert (line["level"], line["message"], line["logger"], line["clicks"]) == ("INFO", "invoked", "shop", 7)


def test_every_invocation_is_counted_once(client: "LambdaClient", function: str) -> None:
    client.invoke(FunctionName=function, Payload=b"{}")
    assert "FunctionError" in client.invoke(FunctionName=function, Payload=b'{"clicks": 13}')
    assert count("AWS/Lambda", "Invocations", "FunctionName", function) == 2
    assert count("AWS/Lambda", "Errors", "FunctionName", function) == 1


@pytest.fixture
def rule(client: "LambdaClient", function: str) -> Iterator[Callable[[str], str]]:
    """Yields a function that creates a rule with the given payload and returns the rule's name."""
    events = boto3.client("events")
    arn = client.get_function_configuration(FunctionName=function)["FunctionArn"]

    def create_rule(payload: str) -> str:
        events.put_rule(Name=function, ScheduleExpression="rate(1 second)")
        events.put_targets(Rule=function, Targets=[{"Id": "function", "Arn": arn, "Input": payload}])
        return function

    yield create_rule
    events.remove_targets(Rule=function, Ids=["function"])
    events.delete_rule(Name=function)


def test_a_schedule_in_seconds_invokes_the_function_and_is_counted(
    client: "LambdaClient", function: str, rule: Callable[[str], str]
) -> None:
    name = rule('{"clicks": 5}')
    wait_until(lambda: len(log_lines(function)) >= 3)
    boto3.client("events").disable_rule(Name=name)
    assert {line["clicks"] for line in log_lines(function)} == {5}
    fired = count("AWS/Events", "Invocations", "RuleName", name)
    wait_until(lambda: count("AWS/Lambda", "Invocations", "FunctionName", function) == fired)


def test_an_invalid_schedule_is_refused(emulator: str) -> None:
    events = boto3.client("events")
    with pytest.raises(events.exceptions.ClientError, match="ScheduleExpression"):
        events.put_rule(Name="wrong", ScheduleExpression="rate(5 parsecs)")


def test_a_failed_invocation_of_a_rule_is_retried(
    client: "LambdaClient", function: str, rule: Callable[[str], str]
) -> None:
    client.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=1)
    name = rule('{"clicks": 13}')
    wait_until(lambda: count("AWS/Events", "Invocations", "RuleName", name) >= 1)
    boto3.client("events").disable_rule(Name=name)
    fired = count("AWS/Events", "Invocations", "RuleName", name)
    wait_until(lambda: count("AWS/Lambda", "Errors", "FunctionName", function) == 2 * fired)
