"""Publishing by the deployed schedule of the data generator, which a demo speeds up."""

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

import boto3

from local.cloud import metrics
from local.cloud.environment import GENERATOR, GENERATOR_LOG_GROUP
from local.cloud.log_reader import LogReader
from local.errors import RunError
from local.pipeline.publisher import EVENTS_PER_CLICK, PERIOD_SECONDS
from local.servers.job_log import fields

LOG_PERIOD_SECONDS = 2
# The timeout of the function, and a margin.
DRAIN_SECONDS = 150


class Counts(NamedTuple):
    """The rule's and the function's metrics: invocations that the rule `fired`, that `ended`, and that `failed`."""

    fired: float
    ended: float
    failed: float


class Schedule:
    """Makes the rule fire every two seconds within its `with` block, whose end waits for the last invocation."""

    def __init__(self, rate: float) -> None:
        self.clicks = 0
        self.checkouts = 0
        self._clicks_a_period = round(rate * PERIOD_SECONDS / EVENTS_PER_CLICK)
        self._events = boto3.client("events")
        self._rule = generator_rule()
        self._initial_counts = self._counts()
        self._log = LogReader(GENERATOR_LOG_GROUP, since=datetime.now(UTC))
        self._next_log_time = 0.0
        self._history: deque[tuple[float, int]] = deque([(time.monotonic(), 0)], maxlen=6)

    @property
    def rate(self) -> float:
        """Events per second over the last five readings of the log that had new events."""
        (start, count_at_start), (end, count_at_end) = self._history[0], self._history[-1]
        return (count_at_end - count_at_start) / (end - start) if end > start else 0.0

    def __enter__(self) -> Self:
        payload = {"clicks": self._clicks_a_period, "period_seconds": PERIOD_SECONDS}
        targets: list[Any] = list(self._events.list_targets_by_rule(Rule=self._rule)["Targets"])
        faster_targets = [target | {"Input": json.dumps(payload)} for target in targets]
        self._events.put_targets(Rule=self._rule, Targets=faster_targets)
        self._events.put_rule(Name=self._rule, ScheduleExpression=f"rate({PERIOD_SECONDS} seconds)", State="ENABLED")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._events.disable_rule(Name=self._rule)
        if kind is None:
            self._drain()

    def check(self) -> None:
        """Reads the generator's log and metrics.

        Raises:
            RunError: an invocation has failed.
        """
        if time.monotonic() < self._next_log_time:
            return
        self._next_log_time = time.monotonic() + LOG_PERIOD_SECONDS
        self._read_log()
        if self._counts().failed > self._initial_counts.failed:
            raise RunError("the generator failed; to see its log: python -m local logs generator")

    def _drain(self) -> None:
        """Waits until every invocation that the rule fired has ended."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while (counts := self._counts()).ended - self._initial_counts.ended < counts.fired - self._initial_counts.fired:
            if time.monotonic() > deadline:
                raise RunError(
                    f"the generator is still running after {DRAIN_SECONDS} s; to see its log:"
                    " python -m local logs generator"
                )
            time.sleep(0.2)
        self._next_log_time = 0
        self.check()

    def _read_log(self) -> None:
        lines = [line for line in map(fields, self._log.new()) if line.get("message") == "published"]
        self.clicks += sum(line["clicks"] for line in lines)
        self.checkouts += sum(line["checkouts"] for line in lines)
        if lines:
            self._history.append((time.monotonic(), self.clicks + self.checkouts))

    def _counts(self) -> Counts:
        return Counts(
            fired=metrics.count("AWS/Events", "Invocations", "RuleName", self._rule),
            ended=metrics.count("AWS/Lambda", "Invocations", "FunctionName", GENERATOR),
            failed=metrics.count("AWS/Lambda", "Errors", "FunctionName", GENERATOR),
        )


@contextmanager
def restored_at_exit(rule: str) -> Iterator[None]:
    """Restores a rule and its targets at the end of the block."""
    events = boto3.client("events")
    original_rule = events.describe_rule(Name=rule)
    targets: list[Any] = list(events.list_targets_by_rule(Rule=rule)["Targets"])
    try:
        yield
    finally:
        events.put_targets(Rule=rule, Targets=targets)
        events.put_rule(Name=rule, ScheduleExpression=original_rule["ScheduleExpression"], State=original_rule["State"])


def generator_rule() -> str:
    """Returns the name of the rule that invokes the generator."""
    function = boto3.client("lambda").get_function_configuration(FunctionName=GENERATOR)
    (rule,) = boto3.client("events").list_rule_names_by_target(TargetArn=function["FunctionArn"])["RuleNames"]
    return rule
