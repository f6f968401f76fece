"""What Glue is to be asked and to answer, in a test."""

from datetime import UTC, datetime
from typing import Any

from botocore.stub import Stubber

JOB = "attribution"
NOON = datetime(2026, 5, 5, 12, 0, 0, tzinfo=UTC)
GET = {"JobName": JOB, "MaxResults": 200}


def run(run_id: str, state: str, started: datetime = NOON, **more: Any) -> dict[str, Any]:
    return {"Id": run_id, "JobName": JOB, "JobRunState": state, "StartedOn": started} | more


def has_runs(stub: Stubber, *runs: dict[str, Any]) -> None:
    stub.add_response("get_job_runs", {"JobRuns": list(runs)}, GET)


def stopping_gives(stub: Stubber, ids: list[str], answer: dict[str, Any]) -> None:
    stub.add_response("batch_stop_job_run", answer, {"JobName": JOB, "JobRunIds": ids})
