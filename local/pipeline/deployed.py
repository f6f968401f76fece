"""The deployed pipeline: the dev environment in the local cloud, with faster schedules."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from local.cloud import deployment, emulator, lifetime
from local.cloud.deployed_job import DeployedJob
from local.cloud.deployment import Say
from local.cloud.environment import REFRESH_RULE, STREAMS, database_url
from local.pipeline import schedule
from local.pipeline.parts import Pipeline
from local.pipeline.refreshes import Refreshes
from local.pipeline.schedule import Schedule


@contextmanager
def running(say: Say, *, java_home: Path | None) -> Iterator[Pipeline[DeployedJob]]:
    """Yields the pipeline of the cloud that `up` started, or else deploys one that ends with the block.

    Raises:
        InputError: the CDK CLI is not installed.
        RunError: the cloud did not start, or a stack failed.
    """
    with ExitStack() as stack:
        job = _join(say, stack) if lifetime.endpoint() else _deploy(say, stack, java_home)
        say("the orchestrator has started the job; its log: python -m local logs job")
        kinesis = boto3.client("kinesis", config=Config(read_timeout=30))
        yield Pipeline(
            kinesis=kinesis,
            streams=STREAMS,
            database_url=database_url(),
            job=job,
            publisher=Schedule,
            refreshes=Refreshes(),
        )


def _join(say: Say, stack: ExitStack) -> DeployedJob:
    """Joins the cloud that `up` started. At the end the schedules are restored, and the job started if needed."""
    url = lifetime.endpoint() or ""
    say(f"using the stacks that are deployed at {url}")
    stack.enter_context(emulator.reached(url))
    for rule in (schedule.generator_rule(), REFRESH_RULE):
        stack.enter_context(schedule.restored_at_exit(rule))
    job = DeployedJob()
    stack.callback(job.start)
    job.start()
    return job


def _deploy(say: Say, stack: ExitStack, java_home: Path | None) -> DeployedJob:
    """Starts a cloud, deploys the stacks to it, and starts the job."""
    lifetime.clear()
    # A database server that is starting when the cloud ends may outlive it.
    stack.callback(lifetime.stop_databases)
    folder = lifetime.cloud_folder()
    url = stack.enter_context(emulator.running(folder / "cloud.log", folder, java_home))
    lifetime.announce(os.getpid(), int(url.rpartition(":")[2]))
    say(f"the local cloud is ready at {url}")
    stack.enter_context(emulator.reached(url))
    deployment.deploy(folder, say)
    job = DeployedJob()
    job.start()
    return job
