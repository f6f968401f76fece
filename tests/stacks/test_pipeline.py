"""What the pipeline promises, as it is synthesised for a review."""

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk.assertions import Match, Template
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion

from stacks.config import DEV, PROD
from stacks.pipeline import PipelineStack
from stacks.pipeline_tools import PUBLISH
from stacks.review import EXAMPLE, without_hashes
from stacks.stage import StreamingStage
from tests.stacks.conftest import CONTEXT, ROOT, Environment, accepted_findings, actions, cfn_lint, resources

CLI = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
CONNECTION = EXAMPLE.connection_arn


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


@pytest.mark.parametrize("name", ["pipeline"])
def test_templates_change_only_when_the_snapshot_does(name: str, snapshot: SnapshotAssertion) -> None:
    assert without_hashes(template().to_json()) == snapshot


def test_a_push_to_main_starts_it_through_the_connection() -> None:
    (source,) = stages()["Source"]
    assert source["ActionTypeId"]["Provider"] == "CodeStarSourceConnection"
    configuration = source["Configuration"]
    assert (configuration["FullRepositoryId"], configuration["BranchName"]) == ("example/shop", "main")
    assert configuration["ConnectionArn"] == CONNECTION
    assert configuration.get("DetectChanges", True) is True


def test_whoever_reads_the_source_may_use_a_connection_of_today() -> None:
    for role in ("PipelineRole", "SynthCdkBuildProjectRole", "SmokeRole"):
        (statement,) = (s for s in role_may(role) if "codeconnections:UseConnection" in actions(s))
        assert resources(statement) == [CONNECTION]


def test_it_is_of_type_v2_and_replaces_itself_first() -> None:
    template().has_resource_properties("AWS::CodePipeline::Pipeline", {"PipelineType": "V2"})
    assert list(stages()) == [
        "Source",
        "Build",
        "UpdatePipeline",
        "Assets",
        "ecommerce-streaming-dev",
        "ecommerce-streaming-prod",
    ]
    assert "cdk -a . deploy Pipeline" in commands("SelfMutation")


def test_it_runs_the_words_of_a_laptop() -> None:
    spec = json.loads(commands("Synth"))
    assert spec["phases"]["build"]["commands"] == [
        "make lint",
        "make test",
        "make audit sbom",
        "make synth ENVIRONMENTS=pipeline",
    ]


def test_the_bill_of_materials_is_kept_with_each_run() -> None:
    (synth,) = stages()["Build"]
    assert {"Name": "Synth_sbom"} in synth["OutputArtifacts"]


def test_every_build_has_the_current_image_and_no_privileges() -> None:
    for name, project in projects().items():
        assert project["Environment"]["Image"] == "aws/codebuild/standard:8.0", name
        assert project["Environment"]["PrivilegedMode"] is False, name


def test_every_tool_from_npm_is_the_pinned_cli() -> None:
    installed = [tool for name in projects() for tool in re.findall(r"npm install -g ([^\s\\\"]+)", commands(name))]
    assert len(installed) == 3  # deploys the pipeline, publishes assets, compares permissions
    assert set(installed) == {f"aws-cdk@{CLI}"}


def test_assets_are_published_by_one_project() -> None:
    assert [action["Name"] for action in stages()["Assets"]] == ["FileAssets"]
    assert PUBLISH in commands("FileAsset")


def test_the_publishing_command_puts_every_asset_where_its_template_looks_for_it(emulator: str, tmp_path: Path) -> None:
    """By the real CLI, which here may assume any role: it takes those that the project is granted."""
    app = App(context=CONTEXT, outdir=str(tmp_path / "assembly"))
    made_in(app)
    assembly = app.synth().directory
    environment = os.environ | {"HOME": str(tmp_path), "CDK_DISABLE_CLI_TELEMETRY": "true"}
    cdk = [str(ROOT / "node_modules" / ".bin" / "cdk"), "--no-notices"]

    def run(command: str) -> str:
        arguments = [*cdk, *command.removeprefix("cdk ").replace("'", "").split()]
        result = subprocess.run(arguments, cwd=assembly, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stderr + result.stdout

    run("cdk bootstrap aws://000000000000/us-east-1")
    log = run(f"{PUBLISH} -vv")
    bucket = "cdk-hnb659fds-assets-000000000000-us-east-1"
    there = {item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]}
    wanted = {
        destination["objectKey"]
        for path in Path(assembly).rglob("assembly-*/*.assets.json")
        for asset in json.loads(path.read_text())["files"].values()
        for destination in asset["destinations"].values()
    }
    assert len(wanted) > 10
    assert wanted <= there
    granted = {
        re.sub(r"-\$\{AWS::\w+\}", "", str(arn["Fn::Sub"])).rpartition("/")[2]
        for statement in role_may("FileRole")
        if actions(statement) == {"sts:AssumeRole"}
        for arn in resources(statement)
    }
    assumed = set(re.findall(r"Assuming role '[^']*/([\w-]+)-000000000000-us-east-1'", log))
    assert assumed == granted == {"cdk-hnb659fds-file-publishing-role", "cdk-hnb659fds-deploy-role"}


def test_dev_is_tried_after_its_deployment() -> None:
    names = [action["Name"] for action in stages()["ecommerce-streaming-dev"]]
    assert names[-1] == "Smoke"
    assert "Monitoring.Deploy" in names
    assert json.loads(commands("Smoke"))["phases"]["build"]["commands"] == ["make smoke ENV=dev"]


def test_the_smoke_step_may_ask_the_orchestrator_and_read_the_jobs_log_and_no_more() -> None:
    allowed = {
        action: json.dumps(resources(statement)[0])
        for statement in role_may("SmokeRole")
        for action in actions(statement)
        if action.startswith(("lambda:", "logs:Filter", "glue:", "rds", "secretsmanager:", "iam:"))
    }
    assert allowed.keys() == {"lambda:InvokeFunction", "logs:FilterLogEvents"}
    assert "function:ecommerce-streaming-dev-orchestrator" in allowed["lambda:InvokeFunction"]
    assert "log-group:/ecommerce-streaming/dev/attribution-job/output" in allowed["logs:FilterLogEvents"]


def test_prod_waits_for_approval_and_for_a_look_at_broader_permissions() -> None:
    actions_of_prod = stages()["ecommerce-streaming-prod"]
    order = {action["Name"]: action["RunOrder"] for action in actions_of_prod}
    first_deployment = min(order[name] for name in order if name.endswith(".Prepare"))
    for name in ("Approve", "Permissions.Check", "Permissions.Confirm"):
        assert order[name] < first_deployment
    approvals = {a["Name"] for a in actions_of_prod if a["ActionTypeId"]["Category"] == "Approval"}
    assert approvals == {"Approve", "Permissions.Confirm"}
    assert "--security-only --fail" in commands("CDKSecurityCheck")


def test_it_deploys_the_templates_that_make_deploys(environment: Environment) -> None:
    stage = pipeline().node.root.node.find_child(environment.stage.node.id)
    for stack in (child for child in stage.node.children if isinstance(child, Stack)):
        assert Template.from_stack(stack).to_json() == environment.templates[stack.node.id].to_json()


def test_artifacts_are_encrypted_with_a_key_of_their_own_and_can_be_removed() -> None:
    (key,) = template().find_resources("AWS::KMS::Key").items()
    (bucket,) = template().find_resources("AWS::S3::Bucket").values()
    (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {
        "KMSMasterKeyID": {"Fn::GetAtt": [key[0], "Arn"]},
        "SSEAlgorithm": "aws:kms",
    }
    template().has_resource_properties("AWS::KMS::Key", {"EnableKeyRotation": True})
    (store,) = (
        p["Properties"]["ArtifactStore"] for p in template().find_resources("AWS::CodePipeline::Pipeline").values()
    )
    assert store["EncryptionKey"]["Id"] == {"Fn::GetAtt": [key[0], "Arn"]}
    assert (bucket["DeletionPolicy"], key[1]["DeletionPolicy"]) == ("Delete", "Delete")
    template().has_resource_properties(
        "AWS::S3::Bucket",
        {"LifecycleConfiguration": {"Rules": Match.array_with([Match.object_like({"ExpirationInDays": 90})])}},
    )


def test_the_only_function_is_the_one_that_approves_unchanged_permissions() -> None:
    (function,) = template().find_resources("AWS::Lambda::Function")
    assert "AutoApprove" in function
    assert not template().find_resources("Custom::S3AutoDeleteObjects")


def test_nag_finds_nothing_that_was_not_accepted(tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path))
    made_in(app)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises for a finding
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert [plugin for plugin in report["pluginReports"] if plugin.get("violations")] == []


def test_what_nag_was_told_to_accept(snapshot: SnapshotAssertion) -> None:
    assert accepted_findings(pipeline()) == snapshot


def test_the_template_is_valid_to_cfn_lint(tmp_path: Path) -> None:
    assert cfn_lint({"Pipeline": template()}, tmp_path) == ""
