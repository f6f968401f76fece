"""The dev environment in the local cloud: resource names, database URL and status."""

from collections.abc import Iterator

import boto3
from botocore.exceptions import ClientError

from local.cloud import emulator, lifetime
from local.cloud.deployed_job import DeployedJob
from local.errors import RunError
from local.servers import postgres
from runtime.data_generator.events import Stream

STREAMS: dict[Stream, str] = {
    "clicks": "ecommerce-streaming-dev-clicks",
    "checkouts": "ecommerce-streaming-dev-checkouts",
}
DATABASE = "analytics"
GENERATOR = "ecommerce-streaming-dev-data-generator"
GENERATOR_LOG_GROUP = f"/aws/lambda/{GENERATOR}"
ANALYTICS = "ecommerce-streaming-dev-analytics"
REFRESH_RULE = "ecommerce-streaming-dev-refresh"


def database_url() -> str:
    """Returns the superuser's URL of the PostgreSQL server behind the emulated RDS instance; for use on this machine.

    Raises:
        RunError: the server is not running.
    """
    server = postgres.running_server(lifetime.instance_folder())
    if server is None:
        raise RunError(f"the deployed database is not running; its log is in {lifetime.instance_folder()}")
    return server.url(DATABASE)


def status(url: str) -> Iterator[str]:
    """Yields a line for each stack that is deployed in the cloud at `url`, and a line for the job."""
    with emulator.reached(url):
        for stack in boto3.client("cloudformation").describe_stacks()["Stacks"]:
            yield f"stack {stack['StackName']}: {stack['StackStatus']}"
        try:
            job = DeployedJob().orchestrate("status")
        except ClientError as error:
            yield f"job: {error}"
        else:
            yield f"job: {job['state']}" + (f": {job['error_message']}" if job["error_message"] else "")
