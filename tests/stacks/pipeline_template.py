"""The pipeline as synthesised for a review, once for all tests."""

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


def pipeline_in(app: App) -> PipelineStack:
    dev, prod = (StreamingStage(app, config) for config in (DEV, PROD))
    return PipelineStack(app, "Pipeline", delivery=EXAMPLE, dev=dev, prod=prod)


@cache
def pipeline() -> PipelineStack:
    return pipeline_in(App(context=CONTEXT))


@cache
def template() -> Template:
    return Template.from_stack(pipeline())


def stages() -> dict[str, list[dict[str, Any]]]:
    """Returns the actions of each stage, in execution order."""
    (definition,) = template().find_resources("AWS::CodePipeline::Pipeline").values()
    return {
        stage["Name"]: sorted(stage["Actions"], key=lambda action: action["RunOrder"])
        for stage in definition["Properties"]["Stages"]
    }


def projects() -> dict[str, dict[str, Any]]:
    """Returns the properties of every build project, by logical id."""
    definitions = template().find_resources("AWS::CodeBuild::Project")
    return {logical_id: project["Properties"] for logical_id, project in definitions.items()}


def build_spec(part_of_id: str) -> str:
    """Returns, as text, the build specification of the project whose logical id contains `part_of_id`."""
    (spec,) = (project["Source"]["BuildSpec"] for name, project in projects().items() if part_of_id in name)
    return spec if isinstance(spec, str) else json.dumps(spec)


def role_statements(part_of_role: str) -> list[dict[str, Any]]:
    """Returns the policy statements of the role whose logical id contains `part_of_role`."""
    return [
        statement
        for policy in template().find_resources("AWS::IAM::Policy").values()
        if any(part_of_role in role["Ref"] for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
