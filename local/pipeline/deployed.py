"""The pipeline as it is deployed: the dev environment in the local cloud, with its job and a faster schedule."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

from local.cloud import deployment, emulator, lifetime
from local.cloud.deployed_job import DeployedJob
from local.cloud.deployment import Say
from local.cloud.environment import STREAMS, database_url
from local.pipeline import schedule
from local.pipeline.parts import Pipeline
from local.pipeline.schedule import Schedule


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
