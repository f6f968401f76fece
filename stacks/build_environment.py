"""CodeBuild environments: image, machine sizes and language runtimes."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_codebuild as codebuild

IMAGE = codebuild.LinuxBuildImage.STANDARD_8_0
# Versions in the image: https://github.com/aws/aws-codebuild-docker-images, ubuntu/standard/8.0/runtimes.yml.
RUNTIMES = {"python": "3.11", "java": "corretto17"}

SMALL = codebuild.BuildEnvironment(build_image=IMAGE)
# Spark, PostgreSQL and the emulator together need more than a small machine's 3 GB of memory.
MEDIUM = codebuild.BuildEnvironment(build_image=IMAGE, compute_type=codebuild.ComputeType.MEDIUM)


def build_spec(commands: Sequence[str] = ()) -> codebuild.BuildSpec:
    """Returns a build specification that installs the runtimes of `make` and then runs `commands`.

    A pipeline step passes no commands, because CDK Pipelines adds them.
    """
    phases: dict[str, Any] = {"install": {"runtime-versions": RUNTIMES}}
    if commands:
        phases["build"] = {"commands": list(commands)}
    return codebuild.BuildSpec.from_object({"version": "0.2", "phases": phases})
