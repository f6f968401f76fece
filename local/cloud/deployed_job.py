"""A client of the deployed attribution job: it controls the job through the orchestrator and reads the job's log."""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.errors import RunError
from local.servers.job import MAX_RESTARTS
from local.servers.job_log import fields

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef

ORCHESTRATOR = "ecommerce-streaming-dev-orchestrator"
LOG_GROUP = "/ecommerce-streaming/dev/attribution-job/output"
ACTIVE = {"STARTING", "RUNNING", "WAITING", "STOPPING"}
LOOK_SECONDS = 2
STOP_SECONDS = 90


class DeployedJob:
    """The deployed job. `start` starts it; `keep_alive`, called regularly, restarts it after it has died.

    `batch` holds the fields of the current run's last log line about a micro-batch.
    """

    def __init__(self) -> None:
        # One attempt with a long timeout: a retried request would invoke the function a second time.
        self._lambda = boto3.client("lambda", config=Config(read_timeout=120, retries={"total_max_attempts": 1}))
        self._logs = boto3.client("logs")
        self.batch: Mapping[str, Any] | None = None
        self.restarts = 0
        self._restarts_in_a_row = 0
        self._run_id = ""
        self._next_events: str | None = None
        self._next_look = 0.0

    def start(self) -> None:
        """Starts the job, unless it is already running."""
        self._run_id = self.orchestrate("start")["run_id"]

    def keep_alive(self) -> bool:
        """Reads the job's log and restarts the job if it has ended; returns whether a new run has begun.

        Checks at most once in LOOK_SECONDS.

        Raises:
            RunError: the job keeps dying; the message has its last error.
        """
        if time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + LOOK_SECONDS
        self._read_log()
        status = self.orchestrate("status")
        if status["state"] not in ACTIVE:
            self._check_restarts(status)
            status = self.orchestrate("start")
        if status["run_id"] == self._run_id:
            return False
        # The new run was started above, or by Glue, which retries a failed run.
        self._check_restarts(status)
        self.restarts += 1
        self._restarts_in_a_row += 1
        self._run_id, self._next_events, self.batch = status["run_id"], None, None
        return True

    def stop(self) -> None:
        """Stops the job after its current micro-batch and waits until it has ended.

        Raises:
            RunError: the job has not ended within STOP_SECONDS.
        """
        self.orchestrate("stop")
        deadline = time.monotonic() + STOP_SECONDS
        while (state := self.orchestrate("status")["state"]) in ACTIVE:
            if time.monotonic() > deadline:
                raise RunError(f"the job is still {state} after {STOP_SECONDS} s; end it with `python -m local down`")
            time.sleep(0.5)

    def orchestrate(self, action: str) -> dict[str, Any]:
        """Invokes the orchestrator with `action` and returns its response.

        Raises:
            RunError: the orchestrator failed; the message has its error.
        """
        response = self._lambda.invoke(FunctionName=ORCHESTRATOR, Payload=json.dumps({"action": action}))
        payload = json.loads(response["Payload"].read())
        if "FunctionError" in response:
            raise RunError(f"the orchestrator could not {action} the job: {payload.get('errorMessage', payload)}")
        result: dict[str, Any] = payload
        return result

    def where_to_look(self) -> str:
        return "its log: python -m local logs job"

    def _check_restarts(self, status: Mapping[str, Any]) -> None:
        if self._restarts_in_a_row == MAX_RESTARTS:
            error = status.get("error_message") or self.where_to_look()
            raise RunError(f"the job ended {MAX_RESTARTS + 1} times without finishing a batch: {error}")

    def _read_log(self) -> None:
        """Reads the new log lines; updates `batch`."""
        request: GetLogEventsRequestTypeDef = {
            "logGroupName": LOG_GROUP,
            "logStreamName": self._run_id,
            "startFromHead": True,
        }
        if self._next_events:
            request["nextToken"] = self._next_events
        try:
            response = self._logs.get_log_events(**request)
        except self._logs.exceptions.ResourceNotFoundException:
            return  # The run has written nothing yet.
        self._next_events = response["nextForwardToken"]
        for event in response["events"]:
            if (line := fields(event["message"])).get("message") == "batch":
                self.batch = line
                self._restarts_in_a_row = 0
