"""`python -m stacks.teardown dev`: removes an environment, or the pipeline, and what CloudFormation would leave behind.

The job is stopped first: a run holds network interfaces in the VPC, and Glue deletes them with the run.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3

from runtime.orchestrator.job import status, stop
from stacks.config import ENVIRONMENTS, PROJECT, Config

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_glue import GlueClient

STOP_SECONDS = 600
ENDED = {"NEVER_RUN", "STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR", "EXPIRED"}


def main() -> int:
    """Stop, empty, destroy, sweep, and say what remains."""
    parser = argparse.ArgumentParser(prog="teardown", description="Removes an environment from the account.")
    parser.add_argument("environment", choices=[*ENVIRONMENTS, "pipeline"])
    environment = parser.parse_args().environment
    if environment == "pipeline":
        empty_buckets(boto3.client("cloudformation"), f"{PROJECT}-pipeline")
        return destroy("Pipeline", environment)
    config = ENVIRONMENTS[environment]
    if config.keeps_data:
        parser.error(f"{config.environment} keeps its data: deploy it with RemovalPolicy.DESTROY first")
    stop_job(boto3.client("glue"), config.name("attribution"))
    empty_buckets(boto3.client("cloudformation"), f"{PROJECT}-{environment}-Processing")
    destroyed = destroy(f"{environment.capitalize()}/**", environment)
    if destroyed == 0:
        sweep_log_groups(config)
    for what in remaining(config):
        print(f"remains: {what}")
    return destroyed


def stop_job(glue: "GlueClient", job_name: str) -> None:
    """Stop the job's run, if there is one, and wait for its end."""
    try:
        stop(glue, job_name)
    except glue.exceptions.EntityNotFoundException:
        print(f"no job {job_name}")
        return
    deadline = time.monotonic() + STOP_SECONDS
    while (state := status(glue, job_name)["state"]) not in ENDED:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the run of {job_name} is still {state} after {STOP_SECONDS} s: stop it in the console")
        print(f"waiting for {job_name}: {state}")
        time.sleep(10)


def empty_buckets(cloudformation: "CloudFormationClient", stack: str) -> None:
    """Delete every version of every object of the stack's buckets, which otherwise could not be deleted."""
    try:
        resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    except cloudformation.exceptions.ClientError as error:
        print(error)
        return
    for resource in resources:
        if resource["ResourceType"] == "AWS::S3::Bucket" and "PhysicalResourceId" in resource:
            print(f"emptying {resource['PhysicalResourceId']}")
            boto3.resource("s3").Bucket(resource["PhysicalResourceId"]).object_versions.delete()


def destroy(stacks: str, environment: str) -> int:
    """Let the CLI remove the stacks, last one first; return its exit status."""
    command = ["npx", "cdk", "destroy", stacks, "--force", "-c", f"env={environment}"]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own words


def sweep_log_groups(config: Config) -> None:
    """Delete log groups that a service made anew while its stack was being removed."""
    logs = boto3.client("logs")
    for name in left_log_groups(config):
        print(f"deleting log group {name}")
        logs.delete_log_group(logGroupName=name)


def left_log_groups(config: Config) -> Iterator[str]:
    """Log groups with one of the environment's names."""
    prefixes = (
        config.log_group_name(""),
        f"/aws/lambda/{config.name('')}",
        f"/aws/rds/instance/{config.name('')}",
        f"{PROJECT}-{config.environment}-",
    )
    for prefix in prefixes:
        for page in boto3.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for group in page["logGroups"]:
                yield group["logGroupName"]


def remaining(config: Config) -> Iterator[str]:
    """What is still in the account and has the environment's tags, and what is known to take its time."""
    tags: list[Any] = [
        {"Key": "project", "Values": [PROJECT]},
        {"Key": "environment", "Values": [config.environment]},
    ]
    pages = boto3.client("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=tags)
    for page in pages:
        for resource in page["ResourceTagMappingList"]:
            arn = resource["ResourceARN"]
            yield f"{arn} (deleted by AWS 7 days after its stack)" if ":key/" in arn else arn


if __name__ == "__main__":
    sys.exit(main())
