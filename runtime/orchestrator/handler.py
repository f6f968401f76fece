"""Lambda: start, stop or report on the Glue job."""

import functools
import logging
import os
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from runtime.orchestrator import job
from runtime.orchestrator.actions import requested_action

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

log = logging.getLogger(__name__)

ACT = {"start": job.start, "stop": job.stop, "status": job.status}


class UnknownJob(LookupError):  # noqa: N818 - what an operator reads as Lambda's error type
    """Glue has no job of the configured name."""


def handler(event: object, _context: object = None) -> dict[str, Any]:
    """Do what the event asks for; return action and job_name beside what job.start, .stop or .status returns.

    The environment has JOB_NAME and, where rules of EventBridge invoke it, SCHEDULED_ACTIONS. Raises
    InvalidAction, UnknownJob, job.StillStopping, and botocore's errors.
    """
    action = requested_action(event, os.environ.get("SCHEDULED_ACTIONS", "{}"))
    job_name = os.environ["JOB_NAME"]
    client = glue()
    try:
        result = {"action": action, "job_name": job_name} | ACT[action](client, job_name)
    except client.exceptions.EntityNotFoundException as error:
        raise UnknownJob(f"Glue has no job {job_name!r}, which the environment variable JOB_NAME names") from error
    log.info("done", extra=result)
    return result


@functools.cache
def glue() -> "GlueClient":
    """Return the client that warm invocations share."""
    config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("glue", config=config)
