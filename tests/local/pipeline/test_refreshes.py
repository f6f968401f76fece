"""The demo's refreshes, with small functions in the emulator."""

import itertools
import time
from collections.abc import Callable, Iterator

import boto3
import pytest

from local.cloud.environment import REFRESH_RULE
from local.errors import RunError
from local.pipeline import refreshes, schedule
from local.pipeline.refreshes import Refreshes
from tests.glue_job import zipped
from tests.waiting import wait_until

numbers = itertools.count()
ROLE = "arn:aws:iam::000000000000:role/function"
FINISHED = "def handler(event, context): return {'is_complete': True}"
BUSY_ONCE = """
answers = [{"is_complete": False}]
def handler(event, context): return answers.pop() if answers else {"is_complete": True}
"""
FAILING_ON_SCHEDULE = """
def handler(event, context):
    if "source" in event:
        raise ValueError("no login")
    return {"is_complete": True}
"""
FAILING = "def handler(event, context): raise ValueError('no login')"
UNFINISHED = "def handler(event, context): return {'is_complete': False}"


@pytest.fixture
def deploy(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Creates the function from its code, and its rule. Each function has its own name: retries outlive it."""
    functions, events = boto3.client("lambda"), boto3.client("events")
    name = f"analytics-{next(numbers)}"
    monkeypatch.setattr(refreshes, "ANALYTICS", name)

    def create(code: str) -> None:
        function = functions.create_function(
            FunctionName=name, Runtime="python3.12", Role=ROLE, Handler="code.handler",
            Code={"ZipFile": zipped({"code.py": code})},
        )  # fmt: skip
        events.put_rule(Name=REFRESH_RULE, ScheduleExpression="rate(5 minutes)")
        events.put_targets(Rule=REFRESH_RULE, Targets=[{"Id": "function", "Arn": function["FunctionArn"]}])

    yield create
    events.remove_targets(Rule=REFRESH_RULE, Ids=["function"])
    events.delete_rule(Name=REFRESH_RULE)
    functions.delete_function(FunctionName=name)


def rule() -> tuple[str, str]:
    definition = boto3.client("events").describe_rule(Name=REFRESH_RULE)
    return definition["ScheduleExpression"], definition["State"]


@pytest.mark.parametrize("code", [FINISHED, BUSY_ONCE])
def test_a_last_refresh_is_complete_and_the_rule_is_restored(deploy: Callable[[str], None], code: str) -> None:
    deploy(code)
    with schedule.restored_at_exit(REFRESH_RULE):
        parts = Refreshes()
        assert rule() == ("rate(5 seconds)", "ENABLED")
        parts.finish()
        assert rule()[1] == "DISABLED"
    assert rule() == ("rate(5 minutes)", "ENABLED")


def test_a_failed_refresh_of_the_schedule_is_counted(
    deploy: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshes, "PERIOD_SECONDS", 1)
    deploy(FAILING_ON_SCHEDULE)
    parts = Refreshes()

    def failed() -> bool:
        parts.check()
        return parts.failures > 0

    wait_until(failed, "a failed refresh", 60)
    parts.finish()


def test_a_failed_first_or_last_refresh_is_an_error(deploy: Callable[[str], None]) -> None:
    deploy(FAILING)
    with pytest.raises(RunError, match="no login; to see its log: python -m local logs analytics"):
        Refreshes()


def test_a_refresh_that_does_not_end_is_an_error(
    deploy: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(UNFINISHED)
    monkeypatch.setattr(refreshes, "REFRESH_SECONDS", 2)
    start = time.monotonic()
    with pytest.raises(RunError, match="still being refreshed after 2 s"):
        Refreshes()
    assert time.monotonic() < start + 30
