"""Where builds run: a fresh CodeBuild machine, made ready by the same words as a laptop."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_codebuild as codebuild

IMAGE = codebuild.LinuxBuildImage.STANDARD_8_0
# Of what the image brings: https://github.com/aws/aws-codebuild-docker-images, ubuntu/standard/8.0/runtimes.yml.
RUNTIMES = {"python": "3.11", "java": "corretto17"}

SMALL = codebuild.BuildEnvironment(build_image=IMAGE)
# Spark, PostgreSQL and the emulator at once need more than the 3 GB of a small machine.
MEDIUM = codebuild.BuildEnvironment(build_image=IMAGE, compute_type=codebuild.ComputeType.MEDIUM)


def build_spec(commands: Sequence[str] = ()) -> codebuild.BuildSpec:
    """The runtimes that `make` needs, and `commands` after them; a step of the pipeline adds its own."""
    phases: dict[str, Any] = {"install": {"runtime-versions": RUNTIMES}}
    if commands:
        phases["build"] = {"commands": list(commands)}
    return codebuild.BuildSpec.from_object({"version": "0.2", "phases": phases})
