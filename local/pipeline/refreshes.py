"""The deployed refresh of the attribution models: by its schedule, which a demo speeds up, and at once."""

import json
import time

import boto3
from botocore.config import Config

from local.cloud import metrics
from local.cloud.environment import ANALYTICS, REFRESH_RULE
from local.errors import RunError

PERIOD_SECONDS = 5
WHERE_TO_LOOK = "to see its log: python -m local logs analytics"
# A refresh waits for another one. Both take less than a second, but a busy machine takes minutes.
REFRESH_SECONDS = 300


class Refreshes:
    """Makes the refresh's rule fire every few seconds, until `finish`.

    `failures`: invocations that have failed since the start, as of the last call of `check`.
    """

    def __init__(self) -> None:
        """Starts the function, which takes seconds, and speeds up its rule.

        Raises:
            RunError: the first refresh failed.
        """
        # One attempt: a retried request would invoke the function a second time.
        config = Config(read_timeout=REFRESH_SECONDS, retries={"total_max_attempts": 1})
        self._lambda = boto3.client("lambda", config=config)
        self._events = boto3.client("events")
        self.failures = 0
        self._next_check = 0.0
        self._initial_errors = _errors()
        # The rule would start the function several times while the first start is not finished.
        self._refresh()
        rate = f"rate({PERIOD_SECONDS} seconds)"
        self._events.put_rule(Name=REFRESH_RULE, ScheduleExpression=rate, State="ENABLED")

    def check(self) -> None:
        """Counts the failures, at most once in a period."""
        if time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + PERIOD_SECONDS
            self.failures = round(_errors() - self._initial_errors)

    def finish(self) -> None:
        """Stops the schedule and refreshes once more, so that the views hold every stored event.

        Raises:
            RunError: the refresh failed, or another one did not end within REFRESH_SECONDS.
        """
        self._events.disable_rule(Name=REFRESH_RULE)
        self._refresh()

    def _refresh(self) -> None:
        deadline = time.monotonic() + REFRESH_SECONDS
        while time.monotonic() < deadline:
            response = self._lambda.invoke(FunctionName=ANALYTICS, Payload=b"{}")
            outcome = json.loads(response["Payload"].read())
            if "FunctionError" in response:
                error = outcome.get("errorMessage", outcome)
                raise RunError(f"the refresh of the attribution models failed: {error}; {WHERE_TO_LOOK}")
            if outcome["is_complete"]:
                return
            time.sleep(0.5)
        raise RunError(f"the attribution models are still being refreshed after {REFRESH_SECONDS} s; {WHERE_TO_LOOK}")


def _errors() -> float:
    return metrics.count("AWS/Lambda", "Errors", "FunctionName", ANALYTICS)
