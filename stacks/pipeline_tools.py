"""The CDK CLI of the pipeline: every step uses the pinned version that synthesises the templates.

CDK Pipelines itself pins only the CLI of the self-mutation. docs/decisions/pipeline-tools.md describes the other steps.
"""

import json

from aws_cdk import DefaultStackSynthesizer, Fn, Stack, pipelines
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam

from stacks.build_environment import IMAGE
from stacks.bundling import ROOT

CLI_VERSION: str = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
INSTALL = f"npm install -g aws-cdk@{CLI_VERSION}"
PUBLISH = "cdk --app . publish-assets '**' --unstable=publish-assets"


def publishing_permissions() -> iam.PolicyStatement:
    """Returns the permission to assume the bootstrap's deployment role.

    Besides its publishing role, the CLI assumes this role to look up the bootstrap's version.
    """
    qualifier = DefaultStackSynthesizer.DEFAULT_QUALIFIER
    role = f"role/cdk-{qualifier}-deploy-role-${{AWS::AccountId}}-${{AWS::Region}}"
    return iam.PolicyStatement(
        actions=["sts:AssumeRole"], resources=[Fn.sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:{role}")]
    )


def pin_tools(pipeline: pipelines.CodePipeline) -> None:
    """Gives every project of a built pipeline the pinned image and CLI.

    Raises:
        LookupError: CDK Pipelines no longer creates a project or a command that this function replaces.
    """
    projects = {
        project.node.path.removeprefix(f"{pipeline.node.path}/"): project
        for project in pipeline.node.find_all()
        if isinstance(project, codebuild.CfnProject)
    }
    _publish_with_cli(projects["Assets/FileAsset/Resource"])
    _pin_cli(projects["PipelinesSecurityCheck/CDKSecurityCheck/Resource"])


def _publish_with_cli(publishing: codebuild.CfnProject) -> None:
    spec = {"version": "0.2", "phases": {"install": {"commands": [INSTALL]}, "build": {"commands": [PUBLISH]}}}
    publishing.add_property_override("Source.BuildSpec", json.dumps(spec, indent=2))


def _pin_cli(check: codebuild.CfnProject) -> None:
    unpinned = '"npm install -g aws-cdk"'
    parts = Stack.of(check).resolve(check.source)["buildSpec"]["Fn::Join"][1]
    if unpinned not in parts[0]:
        raise LookupError(f"{check.node.path} does not run {unpinned}: adapt stacks/pipeline_tools.py to this CDK")
    parts[0] = parts[0].replace(unpinned, json.dumps(INSTALL))
    check.add_property_override("Source.BuildSpec", {"Fn::Join": ["", parts]})
    check.add_property_override("Environment.Image", IMAGE.image_id)
