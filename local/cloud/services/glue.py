"""Glue: a job run is a Spark process on this machine, with the script and arguments of the job's definition.

As on AWS, a job has one run at a time, a failed run is retried up to MaxRetries times, the output of a run goes to
CloudWatch Logs, and its end is an EventBridge event. Python imports the code from the zips of `--extra-py-files`.

Two things differ. An `s3://` argument is replaced by a folder, because Spark has no S3 file system here. A run has the
packages of this environment, because the wheels of `--additional-python-modules` are for Glue's platform.
"""

import contextvars
import json
import logging
import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import boto3

from local.cloud.services.log_stream import LogStream
from local.servers import class_archive, job, processes
from local.servers.job_log import JobLog

log = logging.getLogger(__name__)

ACTIVE = {"STARTING", "RUNNING", "STOPPING"}
LOOK_SECONDS = 0.5
S3 = "s3://"

Response = tuple[int, dict[str, str], bytes]
Definition = Mapping[str, Any]


@dataclass
class Run:
    """A job run.

    `shown` is the run's record in the response of GetJobRuns. `killed` is set when the local cloud is shutting down and
    no longer answers requests.
    """

    definition: Definition
    shown: dict[str, Any]
    stopping: threading.Event = field(default_factory=threading.Event)
    killed: bool = False

    @property
    def arguments(self) -> dict[str, str]:
        """The arguments that Glue adds, the definition's and the run's own; later ones take precedence."""
        added = {"--JOB_NAME": self.shown["JobName"], "--JOB_RUN_ID": self.shown["Id"]}
        return {**added, **self.definition["DefaultArguments"], **self.shown["Arguments"]}


class Runs:
    """The runs of all jobs, with their files below `folder`. Leaving the `with` block kills them."""

    def __init__(self, glue: Any, eventbridge: Any, folder: Path) -> None:
        self._glue = glue
        self._eventbridge = eventbridge
        self._folder = folder
        self._runs: dict[str, tuple[Run, threading.Thread]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for run, thread in list(self._runs.values()):
            run.killed = True
            run.stopping.set()
            thread.join()

    def start_job_run(self, request: Mapping[str, Any]) -> Response:
        name = request.get("JobName", "")
        if name not in self._glue._jobs:
            return _error("EntityNotFoundException", f"Job {name} not found")
        if any(run["JobRunState"] in ACTIVE for run in self._glue._job_runs[name]):
            return _error("ConcurrentRunsExceededException", f"Concurrent runs exceeded for {name}")
        run_id = f"jr_{secrets.token_hex(32)}"
        self._start(self._glue._jobs[name], request.get("Arguments", {}), run_id, attempt=0)
        return _response({"JobRunId": run_id})

    def batch_stop_job_run(self, request: Mapping[str, Any]) -> Response:
        stopped: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for run_id in request["JobRunIds"]:
            run_key = {"JobName": request["JobName"], "JobRunId": run_id}
            run, _ = self._runs.get(run_id, (None, None))
            if run and run.shown["JobRunState"] in ACTIVE:
                run.shown["JobRunState"] = "STOPPING"
                run.stopping.set()
                stopped.append(run_key)
            else:
                detail = {"ErrorCode": "InvalidInputException", "ErrorMessage": f"{run_id} is not an active run"}
                errors.append(run_key | {"ErrorDetail": detail})
        return _response({"SuccessfulSubmissions": stopped, "Errors": errors})

    def _start(self, definition: Definition, own_arguments: Mapping[str, str], run_id: str, attempt: int) -> None:
        now = int(time.time())
        shown = {
            "Id": run_id, "JobName": definition["Name"], "JobRunState": "STARTING", "Attempt": attempt,
            "StartedOn": now, "LastModifiedOn": now, "ExecutionTime": 0, "PredecessorRuns": [],
            "Arguments": dict(own_arguments),
        }  # fmt: skip
        shown |= {name: definition[name] for name in ("GlueVersion", "WorkerType", "NumberOfWorkers", "Timeout")}
        run = Run(definition, shown)
        # Copies the account and region of the request, because a thread does not inherit context variables.
        run_in_context = contextvars.copy_context().run
        thread = threading.Thread(target=run_in_context, args=(self._run, run), name=run_id)
        self._runs[run_id] = run, thread
        # GetJobRuns returns the newest run first.
        self._glue._job_runs[definition["Name"]].insert(0, shown)
        thread.start()

    def _run(self, run: Run) -> None:
        """Executes the run and records its end.

        It needs a thread that outlives the Spark process: a child process ends with the thread that started it.
        """
        folder = self._folder / run.shown["Id"]
        error = ""
        try:
            folder.mkdir(parents=True)
            status = _execute(run, folder, self._folder.parent / "s3")
            state = "STOPPED" if run.stopping.is_set() else "SUCCEEDED" if status == 0 else "FAILED"
            if state == "FAILED":
                error = JobLog(folder / "output.log").last_error()
        except Exception as failure:
            log.exception("%s could not run", run.shown["Id"])
            state, error = "FAILED", f"{type(failure).__name__}: {failure}"
        shutil.rmtree(folder, ignore_errors=True)
        now = int(time.time())
        run.shown |= {"JobRunState": state, "CompletedOn": now, "LastModifiedOn": now}
        run.shown |= {"ExecutionTime": now - run.shown["StartedOn"], "ErrorMessage": error}
        if not run.killed:
            self._announce(run)
            self._retry(run)

    def _announce(self, run: Run) -> None:
        """Puts the event of the run's end.

        https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
        """
        detail = {"jobName": run.shown["JobName"], "state": run.shown["JobRunState"], "jobRunId": run.shown["Id"]}
        event = {"Source": "aws.glue", "DetailType": "Glue Job State Change", "Detail": json.dumps(detail)}
        self._eventbridge._put_events({"Entries": [event]}, allow_aws_source=True)

    def _retry(self, run: Run) -> None:
        attempt = run.shown["Attempt"] + 1
        if run.shown["JobRunState"] == "FAILED" and attempt <= run.definition["MaxRetries"]:
            run_id = f"{run.shown['Id'].partition('_attempt_')[0]}_attempt_{attempt}"
            self._start(run.definition, run.shown["Arguments"], run_id, attempt)


def _execute(run: Run, folder: Path, buckets: Path) -> int:
    """Runs the script until it ends or is stopped, copies its output to CloudWatch Logs, returns its exit status."""
    logs = LogStream(f"{run.arguments['--custom-logGroup-prefix']}/output", run.shown["Id"])
    output = folder / "output.log"
    output.touch()
    command, environment = _prepare(run, folder, buckets)
    process = processes.start(command, environment=environment, log_file=output, folder=folder)
    run.shown["JobRunState"] = "RUNNING"
    with output.open("rb") as lines:
        while process.poll() is None and not run.stopping.wait(LOOK_SECONDS):
            logs.put(lines.readlines())
        if run.killed:
            processes.kill(process)
        else:
            processes.stop(process)
            logs.put(lines.readlines())
    return process.returncode


def _prepare(run: Run, folder: Path, buckets: Path) -> tuple[list[str], dict[str, str]]:
    """Downloads the script and its code to `folder`; returns the command and its environment variables."""
    script = _download(run.definition["Command"]["ScriptLocation"], folder)
    code = [_download(url, folder) for url in run.arguments["--extra-py-files"].split(",")]
    arguments = {
        name: str(buckets / value.removeprefix(S3)) if value.startswith(S3) else value
        for name, value in run.arguments.items()
    }
    java_home = Path(os.environ["JAVA_HOME"]) if "JAVA_HOME" in os.environ else None
    spark = job.environment(java_home=java_home, java_options=class_archive.java_options(), scratch=folder / "spark")
    environment = spark | {
        "AWS_ENDPOINT_URL_KINESIS": os.environ["AWS_ENDPOINT_URL"],
        "PYTHONPATH": os.pathsep.join(map(str, code)),
        "TMPDIR": str(folder),
    }
    return [sys.executable, str(script), *(word for pair in arguments.items() for word in pair)], environment


def _download(url: str, folder: Path) -> Path:
    bucket, _, key = url.removeprefix(S3).partition("/")
    path = folder / Path(key).name
    boto3.client("s3").download_file(bucket, key, str(path))
    return path


def extend(glue: Any, runs: Runs) -> None:
    glue._start_job_run, glue._batch_stop_job_run = runs.start_job_run, runs.batch_stop_job_run


def _response(body: Mapping[str, Any], status: int = 200) -> Response:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()


def _error(code: str, message: str) -> Response:
    return _response({"__type": code, "message": message}, 400)
