"""Starts, stops and reports on the runs of one Glue job.

The job's MaxConcurrentRuns must be 1, Glue's default. Two concurrent starts then create only one run.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import JobRunTypeDef

ACTIVE = {"STARTING", "RUNNING", "WAITING"}
STOPPING = {"STOPPING"}

# GetJobRuns returns at most 200 runs a page, newest first. An active run is always among the newest thousand.
PAGE_SIZE = 200
RECENT = 1000
# BatchStopJobRun's limit.
STOP_BATCH = 25


def start(glue: "GlueClient", job_name: str) -> dict[str, Any]:
    """Starts a run unless one is active or stopping.

    Returns:
        `run_id`, `state`, and `outcome`: started, already_running or still_stopping. After the last, a later start has
        to start the job.
    """
    run = _unfinished_run(glue, job_name)
    if run is None:
        try:
            run_id = glue.start_job_run(JobName=job_name)["JobRunId"]
        except glue.exceptions.ConcurrentRunsExceededException:
            # A concurrent start created a run after the look-up above.
            run = _unfinished_run(glue, job_name)
            if run is None:
                raise
        else:
            return {"run_id": run_id, "state": "STARTING", "outcome": "started"}
    outcome = "still_stopping" if run["JobRunState"] in STOPPING else "already_running"
    return {"run_id": run["Id"], "state": run["JobRunState"], "outcome": outcome}


def stop(glue: "GlueClient", job_name: str) -> dict[str, Any]:
    """Asks Glue to stop every active run. Does not wait until the runs have stopped.

    Returns:
        `stopped` and `already_stopping`, run ids; `errors`, each with `run_id` and `error`; and `outcome`:
        stop_requested, stop_refused, already_stopping or nothing_running.
    """
    runs = _recent_runs(glue, job_name)
    active, stopping = _ids(runs, ACTIVE), _ids(runs, STOPPING)
    stopped: list[str] = []
    errors: list[dict[str, str]] = []
    for first in range(0, len(active), STOP_BATCH):
        response = glue.batch_stop_job_run(JobName=job_name, JobRunIds=active[first : first + STOP_BATCH])
        stopped += [run["JobRunId"] for run in response["SuccessfulSubmissions"]]
        for error in response["Errors"]:
            detail = error["ErrorDetail"]
            text = f"{detail['ErrorCode']}: {detail['ErrorMessage']}"
            errors.append({"run_id": error["JobRunId"], "error": text})
    entries_by_outcome = {"stop_requested": stopped, "stop_refused": errors, "already_stopping": stopping}
    outcome = next((name for name, entries in entries_by_outcome.items() if entries), "nothing_running")
    return {"stopped": stopped, "already_stopping": stopping, "errors": errors, "outcome": outcome}


def status(glue: "GlueClient", job_name: str) -> dict[str, Any]:
    """Returns the newest run's `run_id`, `state`, `started` (ISO-8601, UTC), `duration_seconds` and `error_message`.

    `error_message` is None for a run without an error. A job without runs has the state NEVER_RUN, and None otherwise.
    """
    runs = _recent_runs(glue, job_name)
    return report(max(runs, key=lambda run: run["StartedOn"], default=None), datetime.now(UTC))


def report(run: "JobRunTypeDef | None", now: datetime) -> dict[str, Any]:
    """Returns the status of `run`; None stands for a job without runs. An unfinished run's duration ends `now`."""
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
    """Returns an active run, else a stopping run, else None."""
    unfinished = [run for run in _recent_runs(glue, job_name) if run["JobRunState"] in ACTIVE | STOPPING]
    return min(unfinished, key=lambda run: run["JobRunState"] in STOPPING, default=None)


def _ids(runs: "Iterable[JobRunTypeDef]", states: set[str]) -> list[str]:
    return [run["Id"] for run in runs if run["JobRunState"] in states]
