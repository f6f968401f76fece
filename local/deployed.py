"""The pipeline as it is deployed: the dev environment in the local cloud, with its job and a faster schedule."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local import deployment, emulator, lifetime, postgres, schedule
from local.deployed_job import DeployedJob
from local.deployment import Say
from local.errors import RunError
from local.pipeline import Pipeline
from local.schedule import Schedule
from runtime.data_generator.events import Stream

STREAMS: dict[Stream, str] = {
    "clicks": "ecommerce-streaming-dev-clicks",
    "checkouts": "ecommerce-streaming-dev-checkouts",
}
DATABASE = "analytics"


@contextmanager
def running(say: Say, *, java_home: Path | None) -> Iterator[Pipeline[DeployedJob]]:
    """The environment that `up` has deployed; or one that is deployed now, and ends with the block.

    Raises:
        InputError: the CDK CLI is not installed.
        RunError: the cloud did not start, or a stack failed.
    """
    with ExitStack() as stack:
        job = _join(say, stack) if lifetime.endpoint() else _deploy(say, stack, java_home)
        say("the orchestrator has started the job; its log: python -m local logs job")
        kinesis = boto3.client("kinesis", config=Config(read_timeout=30))
        yield Pipeline(kinesis=kinesis, streams=STREAMS, database_url=database_url(), job=job, publisher=Schedule)


def _join(say: Say, stack: ExitStack) -> DeployedJob:
    """What `up` has deployed, which is in the end as it was, with its job running."""
    url = lifetime.endpoint() or ""
    say(f"the stacks are deployed at {url}")
    stack.enter_context(emulator.reached(url))
    stack.enter_context(schedule.put_back())
    job = DeployedJob()
    stack.callback(job.start)
    job.start()
    return job


def _deploy(say: Say, stack: ExitStack, java_home: Path | None) -> DeployedJob:
    lifetime.clear()
    # A server that was just starting may outlive the cloud.
    stack.callback(lifetime.stop_databases)
    folder = lifetime.cloud_folder()
    url = stack.enter_context(emulator.running(folder / "cloud.log", folder, java_home))
    lifetime.announce(os.getpid(), int(url.rpartition(":")[2]))
    say(f"a cloud on this machine is ready at {url}")
    stack.enter_context(emulator.reached(url))
    deployment.deploy(folder, say)
    job = DeployedJob()
    job.start()
    return job


def database_url() -> str:
    """For this machine's eyes: the server behind RDS, as its superuser.

    Raises:
        RunError: it does not run.
    """
    server = postgres.running_server(lifetime.instance_folder())
    if server is None:
        raise RunError(f"the deployed database does not run; its log is in {lifetime.instance_folder()}")
    return server.url(DATABASE)


def status(url: str) -> Iterator[str]:
    """What is deployed in the cloud at that URL, a line each."""
    with emulator.reached(url):
        for stack in boto3.client("cloudformation").describe_stacks()["Stacks"]:
            yield f"stack {stack['StackName']}: {stack['StackStatus']}"
        try:
            job = DeployedJob().orchestrate("status")
        except ClientError as error:
            yield f"job: {error}"
        else:
            yield f"job: {job['state']}" + (f": {job['error_message']}" if job["error_message"] else "")
