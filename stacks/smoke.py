"""`python -m stacks.smoke dev`: tests from outside whether a deployed environment credits checkouts, by every model.

A run keeps the code that it started with. An active run is therefore stopped first, so that the test covers the
deployed code. Afterwards the job runs if it ran before. docs/decisions/smoke-test.md explains why the test reads the
job's log and not the database. At the end it invokes a refresh of the attribution models.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config as ClientConfig

from runtime.orchestrator.job import ACTIVE
from stacks.config import ENVIRONMENTS, Config

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient

# Covers Glue's start (one or two minutes), a day's backlog, and the generator's interval of five minutes.
MINUTES = 30
SECONDS_BETWEEN_POLLS = 15
# One attempt, longer than a refresh may take: a repeated request would invoke the function a second time.
ONE_LONG_ATTEMPT = ClientConfig(read_timeout=910, retries={"total_max_attempts": 1})
# Matches the line that the job logs after the commit of a batch.
COMMITTED = '{ $.message = "batch" }'

# Sends an action to the orchestrator and returns its answer.
Ask = Callable[[str], dict[str, Any]]


class SmokeError(Exception):
    """The environment does not credit checkouts; the message names the job's state and the last batch."""


def main() -> int:
    """Tests an environment; a failure is one line on standard error and exit status 1."""
    parser = argparse.ArgumentParser(prog="smoke", description="Tests a deployed environment.")
    parser.add_argument("environment", choices=list(ENVIRONMENTS))
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help=f"minutes until the test fails (default: {MINUTES})"
    )
    arguments = parser.parse_args()
    config = ENVIRONMENTS[arguments.environment]
    functions = boto3.client("lambda", config=ONE_LONG_ATTEMPT)
    ask = orchestrator(functions, config.name("orchestrator"))
    try:
        batch = smoke(ask, boto3.client("logs"), config, arguments.minutes * 60)
        print(refresh(functions, config.name("analytics")))
    except SmokeError as error:
        print(f"smoke: {error}", file=sys.stderr)
        return 1
    print(f"{config.environment} works: {describe(batch)}")
    return 0


def smoke(ask: Ask, logs: "CloudWatchLogsClient", config: Config, seconds: float) -> dict[str, Any]:
    """Starts the job, waits for a batch with fresh checkouts, and returns the batch's log line.

    Afterwards the job is active or stopped as before.

    Raises:
        SmokeError: the job ended, or committed no fresh checkouts within `seconds`.
    """
    deadline = time.monotonic() + seconds
    previous = ask("status")
    previous_state = previous["state"]
    print(f"the job was {previous_state}")
    if previous_state in ACTIVE:
        ask("stop")
    _wait_until_stopped(ask, previous["run_id"], deadline)
    started_at = int(time.time() * 1000)
    run = ask("start")["run_id"]
    print(f"started run {run}")
    try:
        return _wait_for_fresh_checkouts(ask, logs, config, started_at, deadline)
    finally:
        if previous_state not in ACTIVE:
            print(f"stopping run {run}: {ask('stop')['outcome']}")


def orchestrator(client: "LambdaClient", function: str) -> Ask:
    """Returns a callable that sends an action to the orchestrator `function` and returns its answer.

    The callable raises SmokeError when the invocation fails.
    """

    return lambda action: _invoke(client, function, {"action": action}, action)


def refresh(client: "LambdaClient", function: str) -> str:
    """Invokes a refresh of the attribution models and returns a line about it.

    Raises:
        SmokeError: the refresh failed.
    """
    outcome = _invoke(client, function, {}, "refresh")
    if outcome["is_busy"]:
        return f"{function} is refreshing the attribution models"
    return f"{function} recomputed {outcome['checkouts']:,} checkouts in {outcome['seconds']} s"


def _invoke(client: "LambdaClient", function: str, payload: Mapping[str, Any], purpose: str) -> dict[str, Any]:
    response = client.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    answer: dict[str, Any] = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        raise SmokeError(f"{function} failed to {purpose}: {answer.get('errorType')}: {answer.get('errorMessage')}")
    return answer


def _wait_until_stopped(ask: Ask, run_id: str | None, deadline: float) -> None:
    """Waits for the end of a run. The newest run is another one when a schedule has already started it."""
    while (status := ask("status"))["run_id"] == run_id and status["state"] in {*ACTIVE, "STOPPING"}:
        _wait(deadline, f"the earlier run is still {status['state']}")


def _wait_for_fresh_checkouts(
    ask: Ask, logs: "CloudWatchLogsClient", config: Config, started_at: int, deadline: float
) -> dict[str, Any]:
    """Returns the first fresh batch that was committed after `started_at` (ms since 1970).

    A batch is fresh when its oldest record arrived at most `config.freshness_seconds` before the commit.
    """
    last_batch = "no batch with checkouts"
    while True:
        for batch in _batches(logs, config.log_group_name("attribution-job/output"), started_at):
            last_batch = f"last batch: {describe(batch)}"
            if batch["put_to_row_seconds"] <= config.freshness_seconds:
                return batch
        status = ask("status")
        if status["state"] not in ACTIVE:
            raise SmokeError(f"run {status['run_id']} is {status['state']}: {status['error_message']} ({last_batch})")
        _wait(deadline, f"the job is {status['state']} and has committed no fresh checkouts; {last_batch}")


def _batches(logs: "CloudWatchLogsClient", log_group: str, since: int) -> Iterator[dict[str, Any]]:
    """Yields the batches with checkouts that were logged since `since` (ms since 1970).

    Lines other than JSON are skipped, because a log service may not apply the filter pattern.
    """
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
    """Returns a phrase with the rows and the delay of a batch."""
    return (
        f"batch {batch['batch_id']} committed {batch['clicks']} clicks, {batch['checkouts']} checkouts and"
        f" {batch['credits']} credits {batch['put_to_row_seconds']} s after its oldest event arrived"
    )


def _wait(deadline: float, reason: str) -> None:
    if time.monotonic() > deadline:
        raise SmokeError(f"out of time: {reason}")
    print(f"waiting: {reason}", flush=True)
    time.sleep(SECONDS_BETWEEN_POLLS)


if __name__ == "__main__":
    sys.exit(main())
