"""Tests of the pipeline as synthesised for a review."""

import json
import re
from pathlib import Path

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk.assertions import Match, Template
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion

from stacks.review import EXAMPLE, without_hashes
from tests.stacks.conftest import CONTEXT, Environment, accepted_findings, actions, cfn_lint, resources
from tests.stacks.pipeline_template import (
    build_spec,
    pipeline,
    pipeline_in,
    projects,
    role_statements,
    stages,
    template,
)

CONNECTION = EXAMPLE.connection_arn


@pytest.mark.parametrize("name", ["pipeline"])
def test_templates_change_only_when_the_snapshot_does(name: str, snapshot: SnapshotAssertion) -> None:
    assert without_hashes(template().to_json()) == snapshot


def test_a_push_to_main_starts_the_pipeline_through_the_connection() -> None:
    (source,) = stages()["Source"]
    assert source["ActionTypeId"]["Provider"] == "CodeStarSourceConnection"
    configuration = source["Configuration"]
    assert (configuration["FullRepositoryId"], configuration["BranchName"]) == ("example/shop", "main")
    assert configuration["ConnectionArn"] == CONNECTION
    assert configuration.get("DetectChanges", True) is True


def test_roles_that_read_the_source_may_use_new_connections() -> None:
    for role in ("PipelineRole", "SynthCdkBuildProjectRole", "SmokeRole"):
        (statement,) = (s for s in role_statements(role) if "codeconnections:UseConnection" in actions(s))
        assert resources(statement) == [CONNECTION]


def test_the_pipeline_is_of_type_v2_and_updates_itself_first() -> None:
    template().has_resource_properties("AWS::CodePipeline::Pipeline", {"PipelineType": "V2"})
    assert list(stages()) == [
        "Source",
        "Build",
        "UpdatePipeline",
        "Assets",
        "ecommerce-streaming-dev",
        "ecommerce-streaming-prod",
    ]
    assert "cdk -a . deploy Pipeline" in build_spec("SelfMutation")


def test_the_pipeline_runs_the_local_make_targets() -> None:
    spec = json.loads(build_spec("Synth"))
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


def test_dev_is_smoke_tested_after_its_deployment() -> None:
    names = [action["Name"] for action in stages()["ecommerce-streaming-dev"]]
    assert names[-1] == "Smoke"
    assert "Monitoring.Deploy" in names
    assert json.loads(build_spec("Smoke"))["phases"]["build"]["commands"] == ["make smoke ENV=dev"]


def test_the_smoke_step_may_only_invoke_two_functions_and_read_logs() -> None:
    allowed = {
        action: json.dumps(resources(statement))
        for statement in role_statements("SmokeRole")
        for action in actions(statement)
        if action.startswith(("lambda:", "logs:Filter", "glue:", "rds", "secretsmanager:", "iam:"))
    }
    assert allowed.keys() == {"lambda:InvokeFunction", "logs:FilterLogEvents"}
    invoked = re.findall(r"function:ecommerce-streaming-dev-(\w+)", allowed["lambda:InvokeFunction"])
    assert sorted(invoked) == ["analytics", "orchestrator"]
    assert "log-group:/ecommerce-streaming/dev/attribution-job/output" in allowed["logs:FilterLogEvents"]


def test_prod_waits_for_approval_and_a_check_for_broader_permissions() -> None:
    actions_of_prod = stages()["ecommerce-streaming-prod"]
    order = {action["Name"]: action["RunOrder"] for action in actions_of_prod}
    first_deployment = min(order[name] for name in order if name.endswith(".Prepare"))
    for name in ("Approve", "Permissions.Check", "Permissions.Confirm"):
        assert order[name] < first_deployment
    approvals = {a["Name"] for a in actions_of_prod if a["ActionTypeId"]["Category"] == "Approval"}
    assert approvals == {"Approve", "Permissions.Confirm"}
    assert "--security-only --fail" in build_spec("CDKSecurityCheck")


def test_the_pipeline_and_make_deploy_the_same_templates(environment: Environment) -> None:
    stage = pipeline().node.root.node.find_child(environment.stage.node.id)
    for stack in (child for child in stage.node.children if isinstance(child, Stack)):
        assert Template.from_stack(stack).to_json() == environment.templates[stack.node.id].to_json()


def test_artifacts_are_encrypted_with_their_own_key_and_can_be_removed() -> None:
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


def test_the_only_function_approves_unchanged_permissions() -> None:
    (function,) = template().find_resources("AWS::Lambda::Function")
    assert "AutoApprove" in function
    assert not template().find_resources("Custom::S3AutoDeleteObjects")


def test_nag_reports_no_finding_that_is_not_accepted(tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path))
    pipeline_in(app)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises an error for each finding that is not accepted
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert [plugin for plugin in report["pluginReports"] if plugin.get("violations")] == []


def test_the_accepted_nag_findings_match_the_snapshot(snapshot: SnapshotAssertion) -> None:
    assert accepted_findings(pipeline()) == snapshot


def test_the_template_passes_cfn_lint(tmp_path: Path) -> None:
    assert cfn_lint({"Pipeline": template()}, tmp_path) == ""
