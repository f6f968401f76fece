"""Expected requests to Glue, with their responses."""

from datetime import UTC, datetime
from typing import Any

from botocore.stub import Stubber

JOB = "attribution"
NOON = datetime(2026, 5, 5, 12, 0, 0, tzinfo=UTC)
GET = {"JobName": JOB, "MaxResults": 200}


def run(run_id: str, state: str, started: datetime = NOON, **fields: Any) -> dict[str, Any]:
    return {"Id": run_id, "JobName": JOB, "JobRunState": state, "StartedOn": started} | fields


def expect_get_job_runs(stub: Stubber, *runs: dict[str, Any]) -> None:
    stub.add_response("get_job_runs", {"JobRuns": list(runs)}, GET)


def expect_batch_stop_job_run(stub: Stubber, ids: list[str], response: dict[str, Any]) -> None:
    stub.add_response("batch_stop_job_run", response, {"JobName": JOB, "JobRunIds": ids})
