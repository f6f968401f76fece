import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from tests.glue_job import LOG_PREFIX, create_job
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import JobRunTypeDef

numbers = itertools.count()

PRINTS = """
import os, sys, time
from packaged import words
print(words, *sys.argv[1:], os.environ["AWS_ENDPOINT_URL_KINESIS"], flush=True)
time.sleep(600)
"""
FAILS = 'raise ValueError("out of clicks")'


@pytest.fixture
def glue(emulator: str) -> "GlueClient":
    return boto3.client("glue")


@pytest.fixture
def job(glue: "GlueClient") -> Iterator[Callable[..., str]]:
    """Yields a function that creates a job from a script; stops all runs of these jobs after the test."""
    names: list[str] = []

    def create(script: str, **definition: Any) -> str:
        names.append(f"job-{next(numbers)}")
        create_job(glue, names[-1], script, **definition)
        return names[-1]

    yield create
    for name in names:
        for run in glue.get_job_runs(JobName=name)["JobRuns"]:
            glue.batch_stop_job_run(JobName=name, JobRunIds=[run["Id"]])
        wait_until(lambda name=name: all(run["JobRunState"] != "STOPPING" for run in runs(glue, name)))  # type: ignore[misc]


@pytest.fixture(autouse=True)
def log_group(emulator: str) -> Iterator[None]:
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName=f"{LOG_PREFIX}/output")
    yield
    logs.delete_log_group(logGroupName=f"{LOG_PREFIX}/output")


def runs(glue: "GlueClient", job: str) -> "list[JobRunTypeDef]":
    return glue.get_job_runs(JobName=job)["JobRuns"]


def output() -> str:
    """Returns the output of all runs, from CloudWatch Logs."""
    pages = boto3.client("logs").get_paginator("filter_log_events").paginate(logGroupName=f"{LOG_PREFIX}/output")
    return "\n".join(event["message"] for page in pages for event in page["events"])


def test_a_run_gets_the_definitions_arguments_and_its_own(
    glue: "GlueClient", job: Callable[..., str], emulator: str
) -> None:
    name = job(PRINTS)
    settings = "spark.a=1 --conf spark.b=2"
    run_id = glue.start_job_run(JobName=name, Arguments={"--rows": "30", "--conf": settings})["JobRunId"]
    wait_until(lambda: emulator in output())
    line = output()
    assert line.startswith("from the zip")
    assert f"--JOB_NAME {name} --JOB_RUN_ID {run_id}" in line
    assert "--rows 30" in line
    assert f"--conf {settings}" in line
    assert "--checkpoint /" in line, "the S3 location is replaced by a folder"
    assert glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]["JobRunState"] == "RUNNING"


def test_a_job_has_one_run_at_a_time_which_can_be_stopped(glue: "GlueClient", job: Callable[..., str]) -> None:
    name = job(PRINTS, MaxRetries=1)
    first = glue.start_job_run(JobName=name)["JobRunId"]
    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException):
        glue.start_job_run(JobName=name)
    stopped = glue.batch_stop_job_run(JobName=name, JobRunIds=[first, "unknown"])
    assert [submission["JobRunId"] for submission in stopped["SuccessfulSubmissions"]] == [first]
    assert [submission["JobRunId"] for submission in stopped["Errors"]] == ["unknown"]
    wait_until(lambda: runs(glue, name)[0]["JobRunState"] == "STOPPED")
    second = glue.start_job_run(JobName=name)["JobRunId"]
    assert [run["Id"] for run in runs(glue, name)] == [second, first], "the newest run comes first"


def test_a_failed_run_is_retried_up_to_the_maximum_of_the_job(glue: "GlueClient", job: Callable[..., str]) -> None:
    name = job(FAILS, MaxRetries=1)
    first = glue.start_job_run(JobName=name)["JobRunId"]
    wait_until(lambda: [run["JobRunState"] for run in runs(glue, name)] == ["FAILED", "FAILED"])
    assert [(run["Id"], run["Attempt"]) for run in runs(glue, name)] == [(f"{first}_attempt_1", 1), (first, 0)]
    assert "ValueError: out of clicks" in runs(glue, name)[0]["ErrorMessage"]
    assert "ValueError: out of clicks" in output()


def test_the_end_of_a_run_emits_an_event(glue: "GlueClient", job: Callable[..., str]) -> None:
    name = job(FAILS)
    queue = boto3.resource("sqs").create_queue(QueueName=name)
    events = boto3.client("events")
    pattern = f'{{"source": ["aws.glue"], "detail": {{"jobName": ["{name}"], "state": ["FAILED"]}}}}'
    events.put_rule(Name=name, EventPattern=pattern)
    events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue.attributes["QueueArn"]}])
    run_id = glue.start_job_run(JobName=name)["JobRunId"]
    (message,) = queue.receive_messages(WaitTimeSeconds=15)
    assert run_id in message.body
    assert "Glue Job State Change" in message.body
