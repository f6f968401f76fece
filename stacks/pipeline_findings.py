"""Findings of cdk-nag about what CDK Pipelines creates, each with the reason why it stays."""

from collections.abc import Mapping
from typing import cast

from aws_cdk import CfnElement, Stack, pipelines
from aws_cdk import aws_codebuild as codebuild
from constructs import IConstruct

from stacks.acknowledgements import acknowledge
from stacks.config import DEV, PROJECT

ARTIFACTS = "The actions that CDK grants for reading and writing; the resource is the bucket of artifacts or its key."
# Of the roles of all steps.
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
OWN = "Streams of the project's own log group, reports of its own groups: CodeBuild makes up what follows."
# By path below the pipeline.
SINGLE: Mapping[str, Mapping[str, str]] = {
    "Assets/FileRole": {
        "IAM5[Resource::*]": "CDK makes the role before the projects that it serves, and lets it report on any build.",
        LOGS.format(""): "One role publishes, whatever the project is called.",
        REPORTS.format(""): "One role publishes, whatever the project is called.",
    },
    f"Pipeline/{PROJECT}-{DEV.environment}/Smoke/Smoke/Role": {
        "IAM5[Resource::arn:<AWS::Partition>:logs:<AWS::Region>:<AWS::AccountId>:log-group:"
        f"{DEV.log_group_name('attribution-job/output')}:*]": "Reading a log group is a right on its streams.",
    },
    "UpdatePipeline/SelfMutation/Role": {
        "IAM5[Resource::arn:*:iam::<AWS::AccountId>:role/*]": "Only roles that the bootstrap tagged for deploying.",
        "IAM5[Resource::*]": "It describes stacks and lists buckets to find the bootstrap's.",
    },
    "PipelinesSecurityCheck/CDKSecurityCheck/Role": {
        "IAM5[Resource::*]": "Only roles that the bootstrap tagged for deploying.",
    },
    "PipelinesSecurityCheck/CDKPipelinesAutoApprove/ServiceRole": {
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]": (
            "CDK's own function, which approves where the check found nothing; it can write logs."
        ),
        "IAM5[Resource::*]": "Only pipelines that are tagged for it: this one.",
    },
}


def acknowledge_findings(pipeline: pipelines.CodePipeline) -> None:
    """Accept what a built pipeline cannot do without."""
    bucket = _logical_id(pipeline.pipeline.artifact_bucket)
    acknowledge(pipeline, STEPS | {f"IAM5[Resource::<{bucket}.Arn>/*]": ARTIFACTS})
    for path, reasons in SINGLE.items():
        acknowledge(_below(pipeline, path), reasons)
    check = _below(pipeline, "PipelinesSecurityCheck")
    approve = _logical_id(_below(check, "CDKPipelinesAutoApprove"))
    acknowledge(check, {f"IAM5[Resource::<{approve}.Arn>:*]": "Any version of CDK's own function, which approves."})
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
