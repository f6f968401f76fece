from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from runtime.orchestrator.handler import handler
from runtime.orchestrator.job import report
from tests.runtime.orchestrator.scripted_glue import GET, JOB, NOON, expect_batch_stop_job_run, expect_get_job_runs, run


def test_start_starts_a_job_without_an_active_run(stub: Stubber) -> None:
    expect_get_job_runs(stub, run("jr_2", "FAILED"), run("jr_1", "STOPPED"))
    stub.add_response("start_job_run", {"JobRunId": "jr_3"}, {"JobName": JOB})
    assert handler({"action": "start"}) == {
        "action": "start",
        "job_name": JOB,
        "run_id": "jr_3",
        "state": "STARTING",
        "outcome": "started",
    }


@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "WAITING"])
def test_start_returns_the_active_run_instead_of_starting_another(stub: Stubber, state: str) -> None:
    expect_get_job_runs(stub, run("jr_3", "STOPPING"), run("jr_2", state), run("jr_1", "SUCCEEDED"))
    assert handler({"action": "start"}) == {
        "action": "start",
        "job_name": JOB,
        "run_id": "jr_2",
        "state": state,
        "outcome": "already_running",
    }


def test_start_finds_an_active_run_on_a_later_page(stub: Stubber) -> None:
    stub.add_response("get_job_runs", {"JobRuns": [run("jr_2", "FAILED")], "NextToken": "more"}, GET)
    stub.add_response("get_job_runs", {"JobRuns": [run("jr_1", "RUNNING")]}, GET | {"NextToken": "more"})
    assert handler({"action": "start"})["run_id"] == "jr_1"


def test_start_returns_the_run_of_a_concurrent_start(stub: Stubber) -> None:
    expect_get_job_runs(stub)
    stub.add_client_error("start_job_run", "ConcurrentRunsExceededException")
    expect_get_job_runs(stub, run("jr_1", "STARTING"))
    result = handler({"action": "start"})
    assert (result["run_id"], result["outcome"]) == ("jr_1", "already_running")


def test_start_fails_when_glue_reports_concurrency_without_an_active_run(stub: Stubber) -> None:
    expect_get_job_runs(stub)
    stub.add_client_error("start_job_run", "ConcurrentRunsExceededException")
    expect_get_job_runs(stub, run("jr_1", "SUCCEEDED"))
    with pytest.raises(ClientError, match="ConcurrentRunsExceededException"):
        handler({"action": "start"})


def test_start_answers_with_the_state_while_the_last_run_is_stopping(stub: Stubber) -> None:
    expect_get_job_runs(stub, run("jr_1", "STOPPING"))
    assert handler({"action": "start"}) == {
        "action": "start",
        "job_name": JOB,
        "run_id": "jr_1",
        "state": "STOPPING",
        "outcome": "still_stopping",
    }


def test_the_next_start_after_the_stop_starts_the_job(stub: Stubber) -> None:
    expect_get_job_runs(stub, run("jr_1", "STOPPED"))
    stub.add_response("start_job_run", {"JobRunId": "jr_2"}, {"JobName": JOB})
    assert handler({"action": "start"})["outcome"] == "started"


def test_stop_returns_the_stopped_runs_without_waiting(stub: Stubber) -> None:
    expect_get_job_runs(stub, run("jr_3", "WAITING"), run("jr_2", "RUNNING"), run("jr_1", "FAILED"))
    submitted = [{"JobName": JOB, "JobRunId": "jr_3"}, {"JobName": JOB, "JobRunId": "jr_2"}]
    expect_batch_stop_job_run(stub, ["jr_3", "jr_2"], {"SuccessfulSubmissions": submitted, "Errors": []})
    assert handler({"action": "stop"}) == {
        "action": "stop",
        "job_name": JOB,
        "stopped": ["jr_3", "jr_2"],
        "already_stopping": [],
        "errors": [],
        "outcome": "stop_requested",
    }


def test_stop_reports_the_error_of_each_run(stub: Stubber) -> None:
    expect_get_job_runs(stub, run("jr_1", "RUNNING"))
    detail = {"ErrorCode": "JobRunCannotBeStoppedException", "ErrorMessage": "too late"}
    errors = [{"JobName": JOB, "JobRunId": "jr_1", "ErrorDetail": detail}]
    expect_batch_stop_job_run(stub, ["jr_1"], {"SuccessfulSubmissions": [], "Errors": errors})
    result = handler({"action": "stop"})
    assert result["outcome"] == "stop_refused"
    assert result["stopped"] == []
    assert result["errors"] == [{"run_id": "jr_1", "error": "JobRunCannotBeStoppedException: too late"}]


def test_stop_sends_at_most_25_runs_per_request(stub: Stubber) -> None:
    ids = [f"jr_{n}" for n in range(30)]
    expect_get_job_runs(stub, *(run(run_id, "RUNNING") for run_id in ids))
    for batch in (ids[:25], ids[25:]):
        submitted = [{"JobName": JOB, "JobRunId": run_id} for run_id in batch]
        expect_batch_stop_job_run(stub, batch, {"SuccessfulSubmissions": submitted, "Errors": []})
    assert handler({"action": "stop"})["stopped"] == ids


@pytest.mark.parametrize(
    ("runs", "outcome", "already_stopping"),
    [
        ([], "nothing_running", []),
        ([run("jr_1", "STOPPED")], "nothing_running", []),
        ([run("jr_1", "STOPPING")], "already_stopping", ["jr_1"]),
    ],
)
def test_stop_reports_that_no_run_is_active(
    stub: Stubber, runs: list[dict[str, Any]], outcome: str, already_stopping: list[str]
) -> None:
    expect_get_job_runs(stub, *runs)
    result = handler({"action": "stop"})
    assert result["outcome"] == outcome
    assert result["already_stopping"] == already_stopping
    assert result["stopped"] == []


def test_status_reports_the_newest_run(stub: Stubber) -> None:
    ended = {"CompletedOn": NOON + timedelta(minutes=10), "ErrorMessage": "out of memory"}
    expect_get_job_runs(stub, run("jr_1", "STOPPED", NOON - timedelta(days=1)), run("jr_2", "FAILED", NOON, **ended))
    assert handler({"action": "status"}) == {
        "action": "status",
        "job_name": JOB,
        "run_id": "jr_2",
        "state": "FAILED",
        "started": "2026-05-05T12:00:00+00:00",
        "duration_seconds": 600,
        "error_message": "out of memory",
    }


def test_status_of_a_job_without_runs_is_never_run(stub: Stubber) -> None:
    expect_get_job_runs(stub)
    assert handler({"action": "status"}) == {
        "action": "status",
        "job_name": JOB,
        "run_id": None,
        "state": "NEVER_RUN",
        "started": None,
        "duration_seconds": None,
        "error_message": None,
    }


def test_the_duration_of_an_unfinished_run_ends_now() -> None:
    unfinished: Any = run("jr_1", "RUNNING", ErrorMessage="")
    result = report(unfinished, NOON + timedelta(seconds=90))
    assert result["duration_seconds"] == 90
    assert result["error_message"] is None
