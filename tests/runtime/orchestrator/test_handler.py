import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from runtime.orchestrator import handler as module
from runtime.orchestrator.actions import InvalidAction
from runtime.orchestrator.handler import UnknownJob, handler
from tests.glue_job import LOG_PREFIX, create_job
from tests.runtime.orchestrator.scripted_glue import JOB, expect_get_job_runs, run
from tests.waiting import wait_until


def wait_until_state(state: str) -> dict[str, Any]:
    wait_until(lambda: handler({"action": "status"})["state"] == state, state)
    return handler({"action": "status"})


@pytest.fixture
def job(emulator: str) -> Iterator[None]:
    """Creates a job whose runs last until they are stopped."""
    glue, logs = boto3.client("glue"), boto3.client("logs")
    logs.create_log_group(logGroupName=f"{LOG_PREFIX}/output")
    create_job(glue, JOB, "import time; time.sleep(600)")
    yield
    handler({"action": "stop"})
    wait_until_state("STOPPED")
    glue.delete_job(JobName=JOB)
    logs.delete_log_group(logGroupName=f"{LOG_PREFIX}/output")


@pytest.mark.usefixtures("job")
def test_a_job_in_the_emulator_is_started_once_reported_and_stopped() -> None:
    assert handler({"action": "status"})["state"] == "NEVER_RUN"
    started = handler({"action": "start"})
    second_start = handler({"action": "start"})
    assert (started["outcome"], second_start["outcome"]) == ("started", "already_running")
    assert second_start["run_id"] == started["run_id"]
    status = wait_until_state("RUNNING")
    assert status["run_id"] == started["run_id"]
    assert 0 <= status["duration_seconds"] < 60
    assert handler({"action": "stop"})["stopped"] == [started["run_id"]]
    wait_until_state("STOPPED")
    assert handler({"action": "stop"})["outcome"] == "nothing_running"


def test_the_error_of_starting_an_unknown_job_names_the_job(emulator: str) -> None:
    with pytest.raises(UnknownJob, match="attribution"):
        handler({"action": "start"})


@pytest.mark.parametrize("action", ["start", "stop", "status"])
def test_every_action_on_an_unknown_job_names_the_variable(stub: Stubber, action: str) -> None:
    stub.add_client_error("get_job_runs", "EntityNotFoundException")
    with pytest.raises(
        UnknownJob, match="no job 'attribution': deploy it, or correct the environment variable JOB_NAME"
    ):
        handler({"action": action})


def test_an_eventbridge_rule_runs_its_configured_action(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULED_ACTIONS", '{"nightly": "stop"}')
    expect_get_job_runs(stub)
    arn = "arn:aws:events:eu-west-1:123456789012:rule/nightly"
    assert handler({"detail-type": "Scheduled Event", "resources": [arn]})["action"] == "stop"


def test_an_invalid_action_makes_no_request(stub: Stubber) -> None:
    with pytest.raises(InvalidAction):
        handler({"action": "restart"})


def test_the_result_is_json_and_is_logged(stub: Stubber, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    expect_get_job_runs(stub, run("jr_1", "RUNNING"))
    result = handler({"action": "status"})
    json.dumps(result)
    [log_record] = [record for record in caplog.records if record.name == module.__name__]
    assert result.items() <= vars(log_record).items()
