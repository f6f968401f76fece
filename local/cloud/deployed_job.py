"""The deployed attribution job, watched as on AWS: through the orchestrator's function, and by its log."""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from local.errors import RunError
from local.servers.job import MOST_RESTARTS
from local.servers.job_log import fields

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import GetLogEventsRequestTypeDef

ORCHESTRATOR = "ecommerce-streaming-dev-orchestrator"
LOG_GROUP = "/ecommerce-streaming/dev/attribution-job/output"
ACTIVE = {"STARTING", "RUNNING", "WAITING", "STOPPING"}
LOOK_SECONDS = 2
STOP_SECONDS = 90


class DeployedJob:
    """Started with `start`; `keep_alive`, called every now and then, starts it again when it has died."""

    def __init__(self) -> None:
        # An invocation waits for the function, which must not be invoked a second time meanwhile.
        self._lambda = boto3.client("lambda", config=Config(read_timeout=120, retries={"total_max_attempts": 1}))
        self._logs = boto3.client("logs")
        self.batch: Mapping[str, Any] | None = None
        self.restarts = 0
        self._restarts_in_a_row = 0
        self._run_id = ""
        self._next_events: str | None = None
        self._next_look = 0.0

    def start(self) -> None:
        """Does nothing to a job that runs."""
        self._run_id = self.orchestrate("start")["run_id"]

    def keep_alive(self) -> bool:
        """Looks at the job and its log, and starts it again if it has ended; true when it began anew.

        Raises:
            RunError: it keeps dying; the message has its last error.
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
        # Another run, of ours or by Glue, which tries a failed one again.
        self._check_restarts(status)
        self.restarts += 1
        self._restarts_in_a_row += 1
        self._run_id, self._next_events, self.batch = status["run_id"], None, None
        return True

    def stop(self) -> None:
        """Lets it finish its batch, and waits for its end.

        Raises:
            RunError: it has not ended in time.
        """
        self.orchestrate("stop")
        deadline = time.monotonic() + STOP_SECONDS
        while (state := self.orchestrate("status")["state"]) in ACTIVE:
            if time.monotonic() > deadline:
                raise RunError(f"the job is still {state} after {STOP_SECONDS} s: `python -m local down` ends it")
            time.sleep(0.5)

    def orchestrate(self, action: str) -> dict[str, Any]:
        """What the orchestrator answers.

        Raises:
            RunError: it failed; the message has its error.
        """
        answer = self._lambda.invoke(FunctionName=ORCHESTRATOR, Payload=json.dumps({"action": action}))
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise RunError(f"the orchestrator could not {action} the job: {payload.get('errorMessage', payload)}")
        result: dict[str, Any] = payload
        return result

    def where_to_look(self) -> str:
        return "its log: python -m local logs job"

    def _check_restarts(self, status: Mapping[str, Any]) -> None:
        if self._restarts_in_a_row == MOST_RESTARTS:
            error = status.get("error_message") or self.where_to_look()
            raise RunError(f"the job ended {MOST_RESTARTS + 1} times without finishing a batch: {error}")

    def _read_log(self) -> None:
        """`batch` is then the last line about a micro-batch."""
        request: GetLogEventsRequestTypeDef = {
            "logGroupName": LOG_GROUP,
            "logStreamName": self._run_id,
            "startFromHead": True,
        }
        if self._next_events:
            request["nextToken"] = self._next_events
        try:
            answer = self._logs.get_log_events(**request)
        except self._logs.exceptions.ResourceNotFoundException:
            return  # It has written nothing yet.
        self._next_events = answer["nextForwardToken"]
        for event in answer["events"]:
            if (line := fields(event["message"])).get("message") == "batch":
                self.batch = line
                self._restarts_in_a_row = 0
