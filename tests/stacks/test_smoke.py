"""Tests of the smoke test, with the emulator's log and a scripted orchestrator."""

import io
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from stacks import smoke as module
from stacks.config import DEV
from stacks.smoke import SmokeError, orchestrator, refresh, smoke

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

GROUP = DEV.log_group_name("attribution-job/output")


class Job:
    """A fake orchestrator in the state `initial_state`.

    After a start, each status request moves to the next of `states`. The last state stays.
    """

    def __init__(self, initial_state: str, states: list[str]) -> None:
        self.actions: list[str] = []
        self.state = initial_state
        self._states = states

    def __call__(self, action: str) -> dict[str, Any]:
        self.actions.append(action)
        if action == "stop":
            self.state = "STOPPED"
            return {"outcome": "stop_requested"}
        if action == "start":
            self.state = "STARTING"
            return {"run_id": "jr_2", "state": self.state, "outcome": "started"}
        if "start" in self.actions and self._states:
            self.state = self._states.pop(0)
        return {"run_id": "jr_2", "state": self.state, "error_message": "out of memory"}


@pytest.fixture
def logs(emulator: str) -> Iterator["CloudWatchLogsClient"]:
    client = boto3.client("logs")
    client.create_log_group(logGroupName=GROUP)
    client.create_log_stream(logGroupName=GROUP, logStreamName="run")
    yield client
    client.delete_log_group(logGroupName=GROUP)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_POLLS", 0.05)


def log(logs: "CloudWatchLogsClient", ago: float, **line: Any) -> None:
    event: Any = {"timestamp": int((time.time() - ago) * 1000), "message": json.dumps(line)}
    logs.put_log_events(logGroupName=GROUP, logStreamName="run", logEvents=[event])


def commit(logs: "CloudWatchLogsClient", *, checkouts: int = 7, put_to_row: float = 1.5, ago: float = -60) -> None:
    """Logs a batch as the job does. The default time is in a minute, which is after the start of the smoke test."""
    counts = {"batch_id": 3, "clicks": 40, "checkouts": checkouts, "credits": 5, "put_to_row_seconds": put_to_row}
    log(logs, ago, message="starting", python="3.13")
    log(logs, ago, message="batch", **counts)


def test_a_stopped_job_is_started_tested_and_stopped_again(logs: "CloudWatchLogsClient", capsys: Any) -> None:
    commit(logs)
    job = Job("STOPPED", ["STARTING", "RUNNING"])
    assert smoke(job, logs, DEV, 5)["checkouts"] == 7
    assert [action for action in job.actions if action != "status"] == ["start", "stop"]
    assert "the job was STOPPED" in capsys.readouterr().out


def test_an_active_run_is_replaced_by_a_new_run_that_continues(logs: "CloudWatchLogsClient") -> None:
    commit(logs)
    job = Job("RUNNING", ["RUNNING"])
    smoke(job, logs, DEV, 5)
    assert [action for action in job.actions if action != "status"] == ["stop", "start"]


def test_a_run_that_the_schedule_has_already_started_is_tested(logs: "CloudWatchLogsClient") -> None:
    class Scheduled(Job):
        """After a stop, the schedule starts another run before the next status request."""

        def __call__(self, action: str) -> dict[str, Any]:
            answer = super().__call__(action)
            stopped = "stop" in self.actions
            return answer | {"run_id": "jr_3" if stopped else "jr_2", "state": "RUNNING"}

    commit(logs)
    assert smoke(Scheduled("RUNNING", ["RUNNING"]), logs, DEV, 5)["checkouts"] == 7


def test_a_batch_committed_before_the_start_does_not_count(logs: "CloudWatchLogsClient") -> None:
    commit(logs, ago=60)
    with pytest.raises(SmokeError, match=r"out of time: the job is RUNNING and .*; no batch with checkouts"):
        smoke(Job("STOPPED", ["RUNNING"]), logs, DEV, 0.3)


def test_a_batch_without_checkouts_does_not_count(logs: "CloudWatchLogsClient") -> None:
    commit(logs, checkouts=0)
    with pytest.raises(SmokeError, match="no batch with checkouts"):
        smoke(Job("STOPPED", ["RUNNING"]), logs, DEV, 0.3)


def test_a_job_with_a_backlog_is_waited_for(logs: "CloudWatchLogsClient", capsys: Any) -> None:
    commit(logs, put_to_row=40000)
    with pytest.raises(SmokeError, match="last batch: batch 3 committed 40 clicks, 7 checkouts and 5 credits 40000 s"):
        smoke(Job("STOPPED", ["RUNNING"]), logs, DEV, 0.3)
    assert len(re.findall("waiting: the job is RUNNING", capsys.readouterr().out)) > 1


def test_a_failed_run_is_reported_with_its_error_and_stopped(logs: "CloudWatchLogsClient") -> None:
    job = Job("NEVER_RUN", ["STARTING", "FAILED"])
    with pytest.raises(SmokeError, match=r"run jr_2 is FAILED: out of memory \(no batch with checkouts\)"):
        smoke(job, logs, DEV, 5)
    assert job.actions[-1] == "stop"


def test_waiting_for_a_run_that_never_stops_times_out(logs: "CloudWatchLogsClient") -> None:
    class Stubborn(Job):
        def __call__(self, action: str) -> dict[str, Any]:
            return super().__call__(action) | {"state": "STOPPING"}

    job = Stubborn("STOPPING", [])
    with pytest.raises(SmokeError, match="out of time: the earlier run is still STOPPING"):
        smoke(job, logs, DEV, 0.2)
    assert "start" not in job.actions


@contextmanager
def function(name: str, payload: bytes, answer: dict[str, Any]) -> Iterator[Any]:
    """Yields a client of a function that expects `payload`; an answer with `errorType` is a failure."""
    client = boto3.client("lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    content = json.dumps(answer).encode()
    response: dict[str, Any] = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(content), len(content))}
    error = {"FunctionError": "Unhandled"} if "errorType" in answer else {}
    with Stubber(client) as stub:
        stub.add_response("invoke", response | error, {"FunctionName": DEV.name(name), "Payload": payload})
        yield client


def test_the_orchestrator_is_invoked_by_name() -> None:
    with function("orchestrator", b'{"action": "status"}', {"state": "RUNNING"}) as client:
        assert orchestrator(client, DEV.name("orchestrator"))("status") == {"state": "RUNNING"}


def test_a_failure_of_the_orchestrator_is_reported() -> None:
    answer = {"errorType": "UnknownJob", "errorMessage": "no job"}
    with (
        function("orchestrator", b'{"action": "status"}', answer) as client,
        pytest.raises(SmokeError, match="dev-orchestrator failed to status: UnknownJob: no job"),
    ):
        orchestrator(client, DEV.name("orchestrator"))("status")


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        ({"is_busy": False, "checkouts": 1200, "seconds": 1.5}, "recomputed 1,200 checkouts in 1.5 s"),
        ({"is_busy": True, "checkouts": 0, "seconds": 0.0}, "is refreshing the attribution models"),
    ],
)
def test_the_models_are_refreshed(outcome: dict[str, Any], line: str) -> None:
    with function("analytics", b"{}", outcome) as client:
        assert refresh(client, DEV.name("analytics")) == f"{DEV.name('analytics')} {line}"


def test_a_failure_of_the_refresh_is_reported() -> None:
    with (
        function("analytics", b"{}", {"errorType": "OperationalError", "errorMessage": "no login"}) as client,
        pytest.raises(SmokeError, match="dev-analytics failed to refresh: OperationalError: no login"),
    ):
        refresh(client, DEV.name("analytics"))


def test_a_broken_environment_is_one_line_and_exit_status_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise SmokeError("run jr_2 is FAILED")

    monkeypatch.setattr("sys.argv", ["smoke", "dev"])
    monkeypatch.setattr("boto3.client", lambda *_, **__: None)
    monkeypatch.setattr(module, "smoke", broken)
    assert module.main() == 1
    assert capsys.readouterr().err == "smoke: run jr_2 is FAILED\n"
