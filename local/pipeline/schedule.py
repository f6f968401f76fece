"""The deployed schedule of the data generator, made faster for as long as a demo publishes."""

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

import boto3

from local.cloud.environment import GENERATOR, GENERATOR_LOG_GROUP
from local.cloud.log_reader import LogReader
from local.errors import RunError
from local.pipeline.publisher import EVENTS_A_CLICK, PERIOD_SECONDS
from local.servers.job_log import fields

LOOK_SECONDS = 2
# The function's own timeout, and some.
DRAIN_SECONDS = 150


class Counts(NamedTuple):
    """Of the rule's and the function's metrics: `fired` precedes `ended`."""

    fired: float
    ended: float
    failed: float


class Schedule:
    """Invokes the generator every two seconds within its `with` block, which waits for the last invocation to end."""

    def __init__(self, rate: float) -> None:
        self.clicks = 0
        self.checkouts = 0
        self._clicks_a_period = round(rate * PERIOD_SECONDS / EVENTS_A_CLICK)
        self._events = boto3.client("events")
        self._metrics = boto3.client("cloudwatch")
        self._rule = _rule()
        self._before = self._counts()
        self._log = LogReader(GENERATOR_LOG_GROUP, since=datetime.now(UTC))
        self._next_look = 0.0
        self._history: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=6)

    @property
    def rate(self) -> float:
        """Events per second over the last five looks at the log that found some."""
        (began, before), (ended, after) = self._history[0], self._history[-1]
        return (after - before) / (ended - began) if ended > began else 0.0

    def __enter__(self) -> Self:
        payload = {"clicks": self._clicks_a_period, "period_seconds": PERIOD_SECONDS}
        targets: list[Any] = list(self._events.list_targets_by_rule(Rule=self._rule)["Targets"])
        faster = [target | {"Input": json.dumps(payload)} for target in targets]
        self._events.put_targets(Rule=self._rule, Targets=faster)
        self._events.put_rule(Name=self._rule, ScheduleExpression=f"rate({PERIOD_SECONDS} seconds)", State="ENABLED")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._events.disable_rule(Name=self._rule)
        if kind is None:
            self._drain()

    def check(self) -> None:
        """Reads the generator's log; raises RunError when an invocation has failed."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_SECONDS
        self._read_log()
        if self._counts().failed > self._before.failed:
            raise RunError("the generator failed; its log: python -m local logs generator")

    def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        while (now := self._counts()).ended - self._before.ended < now.fired - self._before.fired:
            if time.monotonic() > deadline:
                raise RunError(f"the generator has not ended after {DRAIN_SECONDS} s: python -m local logs generator")
            time.sleep(0.2)
        self._next_look = 0
        self.check()

    def _read_log(self) -> None:
        lines = [line for line in map(fields, self._log.new()) if line.get("message") == "published"]
        self.clicks += sum(line["clicks"] for line in lines)
        self.checkouts += sum(line["checkouts"] for line in lines)
        if lines:
            self._history.append((time.monotonic(), self.clicks + self.checkouts))

    def _counts(self) -> Counts:
        return Counts(
            fired=self._sum("AWS/Events", "Invocations", {"Name": "RuleName", "Value": self._rule}),
            ended=self._sum("AWS/Lambda", "Invocations", {"Name": "FunctionName", "Value": GENERATOR}),
            failed=self._sum("AWS/Lambda", "Errors", {"Name": "FunctionName", "Value": GENERATOR}),
        )

    def _sum(self, namespace: str, metric: str, dimension: Any) -> float:
        now = datetime.now(UTC)
        points = self._metrics.get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[dimension],
            StartTime=now - timedelta(days=1),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)


@contextmanager
def put_back() -> Iterator[None]:
    """In the end the schedule is what it was."""
    events, rule = boto3.client("events"), _rule()
    before = events.describe_rule(Name=rule)
    targets: list[Any] = list(events.list_targets_by_rule(Rule=rule)["Targets"])
    try:
        yield
    finally:
        events.put_targets(Rule=rule, Targets=targets)
        events.put_rule(Name=rule, ScheduleExpression=before["ScheduleExpression"], State=before["State"])


def _rule() -> str:
    """The name of the rule that invokes the generator."""
    function = boto3.client("lambda").get_function_configuration(FunctionName=GENERATOR)
    (rule,) = boto3.client("events").list_rule_names_by_target(TargetArn=function["FunctionArn"])["RuleNames"]
    return rule
