"""Accepted cdk-nag findings about resources of CDK Pipelines, each with a reason."""

from collections.abc import Mapping
from typing import cast

from aws_cdk import CfnElement, Stack, pipelines
from aws_cdk import aws_codebuild as codebuild
from constructs import IConstruct

from stacks.acknowledgements import acknowledge
from stacks.config import DEV, PROJECT

ARTIFACTS = "CDK's grants for reading and writing; their resource is the artifact bucket or its key."
# Findings about the roles of all steps.
STEPS = {
    "IAM5[Action::s3:Abort*]": ARTIFACTS,
    "IAM5[Action::s3:DeleteObject*]": ARTIFACTS,
    "IAM5[Action::s3:GetBucket*]": ARTIFACTS,
    "IAM5[Action::s3:GetObject*]": ARTIFACTS,
    "IAM5[Action::s3:List*]": ARTIFACTS,
    "IAM5[Action::kms:GenerateDataKey*]": ARTIFACTS,
    "IAM5[Action::kms:ReEncrypt*]": ARTIFACTS,
}
LOGS = "IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:/aws/codebuild/{}*]"
REPORTS = "IAM5[Resource::arn:<AWS::Partition>:codebuild:<AWS::Region>:<AWS::AccountId>:report-group/{}*]"
OWN = "CodeBuild chooses the names in the project's own log group and its own report groups."
# Findings about single resources, by path below the pipeline.
SINGLE: Mapping[str, Mapping[str, str]] = {
    "Assets/FileRole": {
        "IAM5[Resource::*]": "CDK creates the role before its projects, and lets it report on any build.",
        LOGS.format(""): "The role serves all publishing projects, whatever their names are.",
        REPORTS.format(""): "The role serves all publishing projects, whatever their names are.",
    },
    f"Pipeline/{PROJECT}-{DEV.environment}/Smoke/Smoke/Role": {
        "IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:"
        f"{DEV.log_group_name('attribution-job/output')}:*]": "The permission to read a log group is on its streams.",
    },
    "UpdatePipeline/SelfMutation/Role": {
        "IAM5[Resource::arn:*:iam::<AWS::AccountId>:role/*]": "A condition requires the bootstrap's tags on the role.",
        "IAM5[Resource::*]": "The step describes stacks and lists buckets to find the bootstrap's resources.",
    },
    "PipelinesSecurityCheck/CDKSecurityCheck/Role": {
        "IAM5[Resource::*]": "A condition requires the bootstrap's deployment tag on the role.",
    },
    "PipelinesSecurityCheck/CDKPipelinesAutoApprove/ServiceRole": {
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]": (
            "CDK's own function, which approves when the check has no finding. The policy lets it write logs."
        ),
        "IAM5[Resource::*]": "A condition requires CDK's tag, which only this pipeline has.",
    },
}


def acknowledge_findings(pipeline: pipelines.CodePipeline) -> None:
    """Accepts the findings of a built pipeline."""
    bucket = _logical_id(pipeline.pipeline.artifact_bucket)
    acknowledge(pipeline, STEPS | {f"IAM5[Resource::<{bucket}.Arn>/*]": ARTIFACTS})
    for path, reasons in SINGLE.items():
        acknowledge(_below(pipeline, path), reasons)
    check = _below(pipeline, "PipelinesSecurityCheck")
    approve = _logical_id(_below(check, "CDKPipelinesAutoApprove"))
    acknowledge(check, {f"IAM5[Resource::<{approve}.Arn>:*]": "Any version of CDK's own approval function."})
    for project in pipeline.node.find_all():
        if isinstance(project, codebuild.Project):
            own = f"<{_logical_id(project)}>"
            acknowledge(project, {LOGS.format(f"{own}:"): OWN, REPORTS.format(f"{own}-"): OWN})


def _below(construct: IConstruct, path: str) -> IConstruct:
    for construct_id in path.split("/"):
        construct = construct.node.find_child(construct_id)
    return construct


def _logical_id(construct: IConstruct) -> str:
    return Stack.of(construct).get_logical_id(cast(CfnElement, construct.node.default_child))
