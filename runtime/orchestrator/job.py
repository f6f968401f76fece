"""Start, stop and report on the runs of one Glue job.

The job's MaxConcurrentRuns must be 1 (Glue's default): then two starts at the same moment still make one run.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import JobRunTypeDef

ACTIVE = {"STARTING", "RUNNING", "WAITING"}
STOPPING = {"STOPPING"}

# GetJobRuns gives at most 200 runs a page, newest first. No active run hides behind a thousand newer ones.
PAGE_SIZE = 200
RECENT = 1000
# BatchStopJobRun's limit.
STOP_BATCH = 25


class StillStopping(RuntimeError):  # noqa: N818 - named after what the caller has to wait for
    """The job cannot start before its last run has stopped. Lambda tries a failed scheduled start again."""


def start(glue: "GlueClient", job_name: str) -> dict[str, Any]:
    """Start a run unless there is one. Return run_id, state, and outcome: started or already_running.

    Raises StillStopping while the last run is on its way out.
    """
    run = _unfinished_run(glue, job_name)
    if run is None:
        try:
            run_id = glue.start_job_run(JobName=job_name)["JobRunId"]
        except glue.exceptions.ConcurrentRunsExceededException:
            # Someone else's start came between our look and our start.
            run = _unfinished_run(glue, job_name)
            if run is None:
                raise
        else:
            return {"run_id": run_id, "state": "STARTING", "outcome": "started"}
    if run["JobRunState"] in STOPPING:
        raise StillStopping(f"run {run['Id']} of job {job_name} is STOPPING: start again when it has stopped")
    return {"run_id": run["Id"], "state": run["JobRunState"], "outcome": "already_running"}


def stop(glue: "GlueClient", job_name: str) -> dict[str, Any]:
    """Ask every active run to stop, and wait for none.

    Return the run ids stopped and already_stopping; errors, each of run_id and error; and outcome:
    stop_requested, stop_refused, already_stopping or nothing_running.
    """
    runs = _recent_runs(glue, job_name)
    active, stopping = _ids(runs, ACTIVE), _ids(runs, STOPPING)
    stopped: list[str] = []
    errors: list[dict[str, str]] = []
    for first in range(0, len(active), STOP_BATCH):
        answer = glue.batch_stop_job_run(JobName=job_name, JobRunIds=active[first : first + STOP_BATCH])
        stopped += [run["JobRunId"] for run in answer["SuccessfulSubmissions"]]
        for error in answer["Errors"]:
            detail = error["ErrorDetail"]
            text = f"{detail['ErrorCode']}: {detail['ErrorMessage']}"
            errors.append({"run_id": error["JobRunId"], "error": text})
    outcomes = {"stop_requested": stopped, "stop_refused": errors, "already_stopping": stopping}
    outcome = next((name for name, found in outcomes.items() if found), "nothing_running")
    return {"stopped": stopped, "already_stopping": stopping, "errors": errors, "outcome": outcome}


def status(glue: "GlueClient", job_name: str) -> dict[str, Any]:
    """Report the newest run: run_id, state, started (ISO-8601, UTC), duration_seconds, error_message.

    error_message is None unless the run has one. A job that never ran has the state NEVER_RUN, all else None.
    """
    runs = _recent_runs(glue, job_name)
    return report(max(runs, key=lambda run: run["StartedOn"], default=None), datetime.now(UTC))


def report(run: "JobRunTypeDef | None", now: datetime) -> dict[str, Any]:
    """Return the status of a run, or of none; the duration of one that goes on lasts until `now`."""
    if run is None:
        fields = ("run_id", "started", "duration_seconds", "error_message")
        return dict.fromkeys(fields) | {"state": "NEVER_RUN"}
    started = run["StartedOn"].astimezone(UTC)
    return {
        "run_id": run["Id"],
        "state": run["JobRunState"],
        "started": started.isoformat(),
        "duration_seconds": int((run.get("CompletedOn", now) - started).total_seconds()),
        "error_message": run.get("ErrorMessage") or None,
    }


def _recent_runs(glue: "GlueClient", job_name: str) -> "list[JobRunTypeDef]":
    pages = glue.get_paginator("get_job_runs").paginate(
        JobName=job_name, PaginationConfig={"PageSize": PAGE_SIZE, "MaxItems": RECENT}
    )
    return [run for page in pages for run in page["JobRuns"]]


def _unfinished_run(glue: "GlueClient", job_name: str) -> "JobRunTypeDef | None":
    unfinished = [run for run in _recent_runs(glue, job_name) if run["JobRunState"] in ACTIVE | STOPPING]
    return min(unfinished, key=lambda run: run["JobRunState"] in STOPPING, default=None)


def _ids(runs: "Iterable[JobRunTypeDef]", states: set[str]) -> list[str]:
    return [run["Id"] for run in runs if run["JobRunState"] in states]
