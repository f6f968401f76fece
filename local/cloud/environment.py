"""The dev environment as it is deployed to the local cloud: its names, its database, its state."""

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
