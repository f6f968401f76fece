"""EventBridge: schedules with rates in seconds, for the demo, and the metric Invocations of rules."""

import re
from typing import Any

TICK_SECONDS = 0.05
SECONDS = re.compile(r"rate\((\d+) seconds?\)")


def extend(eventbridge: Any, cloudwatch: Any) -> None:
    """Accepts schedules such as `rate(2 seconds)`, which AWS rejects, and records each rule's metric Invocations."""
    is_valid, parse_rate = eventbridge._validate_schedule_expression, eventbridge._parse_rate_seconds

    def rate_in_seconds(expression: str) -> int | None:
        match = SECONDS.fullmatch(expression)
        return int(match[1]) if match else parse_rate(expression)

    eventbridge._parse_rate_seconds = rate_in_seconds
    eventbridge._validate_schedule_expression = lambda text: bool(SECONDS.fullmatch(text)) or is_valid(text)
    eventbridge._SCHEDULER_TICK_INTERVAL = TICK_SECONDS
    invoke = eventbridge._invoke_target

    def invoke_and_count(target: Any, event: Any, rule: Any, view: Any = None) -> Any:
        cloudwatch.record_metric("AWS/Events", "Invocations", 1, "Count", {"RuleName": rule["Name"]})
        return invoke(target, event, rule, view)

    eventbridge._invoke_target = invoke_and_count
