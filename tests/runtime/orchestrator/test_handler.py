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
from tests.runtime.orchestrator.scripted_glue import JOB, has_runs, run
from tests.waiting import wait_until


def wait_until_it_is(state: str) -> dict[str, Any]:
    wait_until(lambda: handler({"action": "status"})["state"] == state, state)
    return handler({"action": "status"})


@pytest.fixture
def job(emulator: str) -> Iterator[None]:
    """One that goes on until it is stopped."""
    glue, logs = boto3.client("glue"), boto3.client("logs")
    logs.create_log_group(logGroupName=f"{LOG_PREFIX}/output")
    create_job(glue, JOB, "import time; time.sleep(600)")
    yield
    handler({"action": "stop"})
    wait_until_it_is("STOPPED")
    glue.delete_job(JobName=JOB)
    logs.delete_log_group(logGroupName=f"{LOG_PREFIX}/output")


@pytest.mark.usefixtures("job")
def test_a_real_job_is_started_once_reported_and_stopped() -> None:
    assert handler({"action": "status"})["state"] == "NEVER_RUN"
    started = handler({"action": "start"})
    again = handler({"action": "start"})
    assert (started["outcome"], again["outcome"]) == ("started", "already_running")
    assert again["run_id"] == started["run_id"]
    status = wait_until_it_is("RUNNING")
    assert status["run_id"] == started["run_id"]
    assert 0 <= status["duration_seconds"] < 60
    assert handler({"action": "stop"})["stopped"] == [started["run_id"]]
    wait_until_it_is("STOPPED")
    assert handler({"action": "stop"})["outcome"] == "nothing_running"


def test_starting_a_job_that_does_not_exist_names_it(emulator: str) -> None:
    with pytest.raises(UnknownJob, match="attribution"):
        handler({"action": "start"})


@pytest.mark.parametrize("action", ["start", "stop", "status"])
def test_an_unknown_job_is_named(stub: Stubber, action: str) -> None:
    stub.add_client_error("get_job_runs", "EntityNotFoundException")
    with pytest.raises(UnknownJob, match="no job 'attribution', which the environment variable JOB_NAME names"):
        handler({"action": action})


def test_a_rule_of_eventbridge_acts_as_configured(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCHEDULED_ACTIONS", '{"nightly": "stop"}')
    has_runs(stub)
    arn = "arn:aws:events:eu-west-1:123456789012:rule/nightly"
    assert handler({"detail-type": "Scheduled Event", "resources": [arn]})["action"] == "stop"


def test_an_invalid_action_reaches_nothing(stub: Stubber) -> None:
    with pytest.raises(InvalidAction):
        handler({"action": "restart"})


def test_the_result_is_json_and_is_logged(stub: Stubber, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    has_runs(stub, run("jr_1", "RUNNING"))
    result = handler({"action": "status"})
    json.dumps(result)
    [line] = [record for record in caplog.records if record.name == module.__name__]
    assert result.items() <= vars(line).items()
