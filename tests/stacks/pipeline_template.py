"""The pipeline as it is synthesised for a review, once for all tests."""

import json
from functools import cache
from typing import Any

from aws_cdk import App
from aws_cdk.assertions import Template

from stacks.config import DEV, PROD
from stacks.pipeline import PipelineStack
from stacks.review import EXAMPLE
from stacks.stage import StreamingStage
from tests.stacks.conftest import CONTEXT


def made_in(app: App) -> PipelineStack:
    dev, prod = (StreamingStage(app, config) for config in (DEV, PROD))
    return PipelineStack(app, "Pipeline", delivery=EXAMPLE, dev=dev, prod=prod)


@cache
def pipeline() -> PipelineStack:
    return made_in(App(context=CONTEXT))


@cache
def template() -> Template:
    return Template.from_stack(pipeline())


def stages() -> dict[str, list[dict[str, Any]]]:
    """The actions of each stage, in the order in which they run."""
    (found,) = template().find_resources("AWS::CodePipeline::Pipeline").values()
    return {
        stage["Name"]: sorted(stage["Actions"], key=lambda action: action["RunOrder"])
        for stage in found["Properties"]["Stages"]
    }


def projects() -> dict[str, dict[str, Any]]:
    """The properties of every build project, by logical id."""
    found = template().find_resources("AWS::CodeBuild::Project")
    return {logical_id: project["Properties"] for logical_id, project in found.items()}


def commands(part_of_id: str) -> str:
    """The build specification of the project with that in its logical id, as text."""
    (spec,) = (project["Source"]["BuildSpec"] for name, project in projects().items() if part_of_id in name)
    return spec if isinstance(spec, str) else json.dumps(spec)


def role_may(part_of_role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in template().find_resources("AWS::IAM::Policy").values()
        if any(part_of_role in role["Ref"] for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
