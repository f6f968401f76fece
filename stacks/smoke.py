"""`python -m stacks.smoke dev`: whether a deployed environment credits checkouts, as seen from outside.

A run keeps the code that it started with, so one that is active is stopped first: what is tried is what was deployed.
Afterwards the job runs if it ran before. docs/decisions/smoke-test.md says why the database is asked through the job.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3

from runtime.orchestrator.job import ACTIVE
from stacks.config import ENVIRONMENTS, Config

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient

# Starting takes Glue a minute or two, catching up with a day of events some more, and the generator sends every five.
MINUTES = 30
SECONDS_BETWEEN_LOOKS = 15
# What the job logs once it has committed a batch.
COMMITTED = '{ $.message = "batch" }'

Ask = Callable[[str], dict[str, Any]]


class SmokeError(Exception):
    """The environment does not do what it is for; the message says since when, and what was seen last."""


def main() -> int:
    """Try the environment; exit status 1 and one line on standard error when it does not work."""
    parser = argparse.ArgumentParser(prog="smoke", description="Tries a deployed environment.")
    parser.add_argument("environment", choices=list(ENVIRONMENTS))
    parser.add_argument("--minutes", type=float, default=MINUTES, help=f"until it counts as broken ({MINUTES})")
    arguments = parser.parse_args()
    config = ENVIRONMENTS[arguments.environment]
    ask = orchestrator(boto3.client("lambda"), config.name("orchestrator"))
    try:
        batch = smoke(ask, boto3.client("logs"), config, arguments.minutes * 60)
    except SmokeError as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 1
    print(f"{config.environment} works: {describe(batch)}")
    return 0


def smoke(ask: Ask, logs: "CloudWatchLogsClient", config: Config, seconds: float) -> dict[str, Any]:
    """Start the job, wait for a batch with fresh checkouts, leave the job as it was found; return what it logged.

    Raises:
        SmokeError: the job ended, or nothing fresh was committed within `seconds`.
    """
    deadline = time.monotonic() + seconds
    found = ask("status")["state"]
    print(f"found the job {found}")
    if found in ACTIVE:
        ask("stop")
    _wait_for_the_end(ask, deadline)
    begun = int(time.time() * 1000)
    run = ask("start")["run_id"]
    print(f"started run {run}")
    try:
        return _wait_for_fresh_checkouts(ask, logs, config, begun, deadline)
    finally:
        if found not in ACTIVE:
            print(f"stopping run {run}: {ask('stop')['outcome']}")


def orchestrator(client: "LambdaClient", function: str) -> Ask:
    """What the orchestrator answers to an action.

    Raises SmokeError where it fails.
    """

    def ask(action: str) -> dict[str, Any]:
        response = client.invoke(FunctionName=function, Payload=json.dumps({"action": action}).encode())
        answer: dict[str, Any] = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise SmokeError(f"{function} failed to {action}: {answer.get('errorType')}: {answer.get('errorMessage')}")
        return answer

    return ask


def _wait_for_the_end(ask: Ask, deadline: float) -> None:
    while (state := ask("status")["state"]) in {*ACTIVE, "STOPPING"}:
        _wait(deadline, f"the earlier run is still {state}")


def _wait_for_fresh_checkouts(
    ask: Ask, logs: "CloudWatchLogsClient", config: Config, begun: int, deadline: float
) -> dict[str, Any]:
    """A batch that was committed after `begun` (ms since 1970) and whose oldest record came just before."""
    seen = "no batch with checkouts"
    while True:
        for batch in _batches(logs, config.log_group_name("attribution-job/output"), begun):
            seen = f"last batch: {describe(batch)}"
            if batch["put_to_row_seconds"] <= config.freshness_seconds:
                return batch
        status = ask("status")
        if status["state"] not in ACTIVE:
            raise SmokeError(f"run {status['run_id']} is {status['state']}: {status['error_message']} ({seen})")
        _wait(deadline, f"the job is {status['state']}, nothing fresh was committed; {seen}")


def _batches(logs: "CloudWatchLogsClient", log_group: str, since: int) -> Iterator[dict[str, Any]]:
    """Those with checkouts. Lines that are no JSON are passed over, should a log service not have left them out."""
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=log_group, startTime=since, filterPattern=COMMITTED
    )
    for page in pages:
        for event in page["events"]:
            with suppress(ValueError):
                line = json.loads(event["message"])
                if line.get("message") == "batch" and line.get("checkouts"):
                    yield line


def describe(batch: dict[str, Any]) -> str:
    """What a batch wrote, in words."""
    return (
        f"batch {batch['batch_id']} committed {batch['clicks']} clicks, {batch['checkouts']} checkouts and"
        f" {batch['credits']} credits {batch['put_to_row_seconds']} s after the first of them came"
    )


def _wait(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise SmokeError(f"out of time: {what}")
    print(f"waiting: {what}", flush=True)
    time.sleep(SECONDS_BETWEEN_LOOKS)


if __name__ == "__main__":
    sys.exit(main())
