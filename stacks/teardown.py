"""`python -m stacks.teardown dev`: removes an environment or the pipeline, and leftovers of CloudFormation.

First, the job is stopped and the functions leave the VPC: only then do Glue and Lambda delete their network interfaces,
for which they need the roles that the stacks remove.
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
from stacks.leftovers import detach_functions, physical_ids, sweep_log_groups, wait_for_interfaces

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_glue import GlueClient

STOP_SECONDS = 600
ENDED = {"NEVER_RUN", "STOPPED", "SUCCEEDED", "FAILED", "TIMEOUT", "ERROR", "EXPIRED"}


def main() -> int:
    """Removes an environment or the pipeline; a failure is one line on standard error and exit status 1."""
    parser = argparse.ArgumentParser(prog="teardown", description="Removes an environment from the account.")
    parser.add_argument("environment", choices=[*ENVIRONMENTS, "pipeline"])
    environment = parser.parse_args().environment
    if environment == "pipeline":
        empty_buckets(boto3.client("cloudformation"), f"{PROJECT}-pipeline")
        return destroy("Pipeline", environment)
    config = ENVIRONMENTS[environment]
    if config.keeps_data:
        parser.error(f"{config.environment} keeps its data: deploy it with RemovalPolicy.DESTROY first")
    try:
        return remove(config)
    except TimeoutError as error:
        print(f"teardown: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("teardown: interrupted; run it again to continue", file=sys.stderr)
        return 130


def remove(config: Config) -> int:
    """Removes an environment, also one whose deployment failed, and lists what remains.

    Returns:
        the exit status of the CDK CLI.

    Raises:
        TimeoutError: the job or network interfaces did not end in time. Nothing was removed.
    """
    cloudformation = boto3.client("cloudformation")
    disable_start(boto3.client("events"), config.name("start-job"))
    stop_job(boto3.client("glue"), config.name("attribution"))
    for vpc in physical_ids(cloudformation, config.name("Network"), "AWS::EC2::VPC"):
        detach_functions(boto3.client("lambda"), vpc)
        wait_for_interfaces(boto3.client("ec2"), vpc)
    empty_buckets(cloudformation, config.name("Processing"), config.name("Analytics"))
    destroyed = destroy(f"{config.environment.capitalize()}/**", config.environment)
    sweep_log_groups(config)
    for resource in remaining_resources(config):
        print(f"remains: {resource}")
    return destroyed


def disable_start(events: "EventBridgeClient", rule: str) -> None:
    """Disables the schedule that would start the job again, if the environment has one."""
    try:
        events.disable_rule(Name=rule)
    except events.exceptions.ResourceNotFoundException:
        return
    print(f"disabled rule {rule}")


def stop_job(glue: "GlueClient", job_name: str) -> None:
    """Stops the job's active run, if any, and waits for its end.

    Raises:
        TimeoutError: the run has not ended after STOP_SECONDS.
    """
    try:
        stop(glue, job_name)
    except glue.exceptions.EntityNotFoundException:
        print(f"job {job_name} does not exist")
        return
    deadline = time.monotonic() + STOP_SECONDS
    while (state := status(glue, job_name)["state"]) not in ENDED:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the run of {job_name} is still {state} after {STOP_SECONDS} s: stop it in the console")
        print(f"waiting for {job_name}: {state}")
        time.sleep(10)


def empty_buckets(cloudformation: "CloudFormationClient", *stacks: str) -> None:
    """Deletes every object version in the stacks' buckets, because CloudFormation deletes only empty buckets."""
    for bucket in (name for stack in stacks for name in physical_ids(cloudformation, stack, "AWS::S3::Bucket")):
        print(f"emptying {bucket}")
        boto3.resource("s3").Bucket(bucket).object_versions.delete()


def destroy(stacks: str, environment: str) -> int:
    """Removes the stacks with the CDK CLI, in reverse order of dependency, and returns its exit status."""
    command = ["npx", "cdk", "destroy", stacks, "--force", "-c", f"env={environment}"]
    return subprocess.run(command, check=False).returncode  # noqa: S603 - fixed arguments


def remaining_resources(config: Config) -> Iterator[str]:
    """Yields the ARNs of resources with the environment's tags, and a note for keys that await deletion."""
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
