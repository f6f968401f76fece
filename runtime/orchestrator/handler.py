"""Lambda handler that starts, stops or reports on the Glue job."""

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

ACTION_FUNCTIONS = {"start": job.start, "stop": job.stop, "status": job.status}


class UnknownJob(LookupError):  # noqa: N818 - operators see the name as Lambda's error type
    """Glue has no job with the configured name."""


def handler(event: object, _context: object = None) -> dict[str, Any]:
    """Runs the event's action on the job that the environment variable JOB_NAME names.

    SCHEDULED_ACTIONS in the environment maps EventBridge rules to actions; see `requested_action`.

    Returns:
        `action`, `job_name`, and the result of `job.start`, `job.stop` or `job.status`.

    Raises:
        InvalidAction: the event selects no known action.
        UnknownJob: Glue has no job of this name.
        ClientError, BotoCoreError: Glue refused a request or could not be reached.
    """
    action = requested_action(event, os.environ.get("SCHEDULED_ACTIONS", "{}"))
    job_name = os.environ["JOB_NAME"]
    client = glue()
    try:
        result = {"action": action, "job_name": job_name} | ACTION_FUNCTIONS[action](client, job_name)
    except client.exceptions.EntityNotFoundException as error:
        raise UnknownJob(
            f"Glue has no job {job_name!r}: deploy it, or correct the environment variable JOB_NAME"
        ) from error
    log.info("action completed", extra=result)
    return result


@functools.cache
def glue() -> "GlueClient":
    """Returns the client that warm invocations share."""
    config = Config(connect_timeout=2, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
    return boto3.client("glue", config=config)
