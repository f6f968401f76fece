"""The CodeBuild project that checks one component of runtime/ for a commit. It deploys nothing."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.build_environment import MEDIUM, build_spec
from stacks.bundling import GLUE_COMPONENTS
from stacks.config import PROJECT
from stacks.delivery import Delivery

# Component name → the folders of runtime/ in its bundle.
COMPONENTS: Mapping[str, Sequence[str]] = {
    "data_generator": ("data_generator",),
    "orchestrator": ("orchestrator",),
    "attribution_job": GLUE_COMPONENTS,
}
# Paths that every component's build depends on, besides the component's own folders.
SHARED = (
    r"runtime/__init__\.py",
    r"tests/[^/]+\.py",
    r"tests/runtime/[^/]+\.py",
    r"local/",
    # The event contract: tests of the generator read its events as the job does.
    r"runtime/attribution_job/(__init__\.py|events/)",
    r"stacks/(__init__|bundling|certificates|packages)\.py",
    r"Makefile|[^/]+\.mk|pyproject\.toml|requirements[^/]*\.txt|package[^/]*\.json",
)


def watched(component: str) -> str:
    """Returns the regular expression of paths that start the component's build when they change."""
    folders = "|".join(COMPONENTS[component])
    return f"^(({'|'.join(SHARED)})|(tests/)?runtime/({folders})/)"


class ComponentBuild(codebuild.Project):
    """A project that runs `make component` for each push to main that changes the component or its dependencies."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        component: str,
        delivery: Delivery,
        encryption_key: kms.IKey,
        log_group: logs.ILogGroup,
    ) -> None:
        owner, _, repository = delivery.repository.partition("/")
        push = codebuild.FilterGroup.in_event_of(codebuild.EventAction.PUSH)
        role = _role(scope, f"{construct_id}Role", delivery, log_group)
        super().__init__(
            scope,
            construct_id,
            project_name=f"{PROJECT}-{component.replace('_', '-')}",
            description=f"Checks, tests and bundles runtime/{component}",
            source=codebuild.Source.git_hub(
                owner=owner,
                repo=repository,
                clone_depth=1,
                webhook_filters=[push.and_branch_is("main").and_file_path_is(watched(component))],
                report_build_status=True,
                build_status_context=f"component/{component}",
            ),
            build_spec=build_spec([f"make component COMPONENT={component}"]),
            environment=MEDIUM,
            timeout=Duration.minutes(30),
            encryption_key=encryption_key,
            logging=codebuild.LoggingOptions(cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log_group)),
            grant_report_group_permissions=False,
            role=role,
        )
        # The construct does not support connections: https://github.com/aws/aws-cdk/issues/31236
        resource = self.node.default_child
        if isinstance(resource, codebuild.CfnProject):
            auth = {"Type": "CODECONNECTIONS", "Resource": delivery.connection_arn}
            resource.add_property_override("Source.Auth", auth)


def _role(scope: Construct, construct_id: str, delivery: Delivery, log_group: logs.ILogGroup) -> iam.IRole:
    """Returns the build's role with inline permissions.

    CodeBuild uses the connection while the project is being created. A separate policy could be attached too late.
    """
    connection = iam.PolicyStatement(
        actions=[
            f"{delivery.connection_service}:{action}"
            for action in ("GetConnection", "GetConnectionToken", "UseConnection")
        ],
        resources=[delivery.connection_arn],
    )
    log_writing = iam.PolicyStatement(
        actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
    )
    role = iam.Role(
        scope,
        construct_id,
        assumed_by=iam.ServicePrincipal("codebuild.amazonaws.com"),
        inline_policies={"Build": iam.PolicyDocument(statements=[connection, log_writing])},
    )
    # Prevents the construct from adding permissions on the log group that the build does not use.
    return role.without_policy_updates()
