"""Rules for every stack: snapshots, cdk-nag, cfn-lint, and requirements on single resource types."""

import json
import re
from pathlib import Path

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion

from stacks.config import ENVIRONMENTS
from stacks.review import without_hashes
from stacks.stage import StreamingStage
from tests.stacks.conftest import CONTEXT, Environment, accepted_findings, cfn_lint

STACKS = ("Network", "Streams", "Database", "Processing", "Analytics", "Monitoring")


@pytest.mark.parametrize("stack", STACKS)
def test_templates_change_only_when_the_snapshot_does(
    environment: Environment, stack: str, snapshot: SnapshotAssertion
) -> None:
    assert without_hashes(environment.templates[stack].to_json()) == snapshot


@pytest.mark.parametrize("name", list(ENVIRONMENTS))
def test_nag_reports_no_finding_that_is_not_accepted(name: str, tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path))
    StreamingStage(app, ENVIRONMENTS[name])
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()  # raises an error for each finding that is not accepted
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert [plugin for plugin in report["pluginReports"] if plugin.get("violations")] == []


def test_nag_reports_findings_that_are_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.acknowledgements.PACK", "Other")
    app = App(context=CONTEXT, outdir=str(tmp_path))
    StreamingStage(app, ENVIRONMENTS["dev"])
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()


def test_the_accepted_nag_findings_match_the_snapshot(environment: Environment, snapshot: SnapshotAssertion) -> None:
    assert accepted_findings(environment.stage) == snapshot


def test_the_templates_pass_cfn_lint(environment: Environment, tmp_path: Path) -> None:
    assert cfn_lint(environment.templates, tmp_path) == ""


def test_logs_are_kept_7_days_in_dev_and_90_in_prod(environment: Environment) -> None:
    days = {"dev": 7, "prod": 90}[environment.config.environment]
    for stack, logical_id, resource in environment.all_resources():
        if resource["Type"] == "AWS::Logs::LogGroup":
            assert resource["Properties"]["RetentionInDays"] == days, f"{stack}/{logical_id}"


def test_every_key_rotates(environment: Environment) -> None:
    for stack, logical_id, resource in environment.all_resources():
        if resource["Type"] == "AWS::KMS::Key":
            assert resource["Properties"]["EnableKeyRotation"] is True, f"{stack}/{logical_id}"


def test_no_role_has_a_managed_policy(environment: Environment) -> None:
    for stack, logical_id, resource in environment.all_resources():
        if resource["Type"] == "AWS::IAM::Role":
            assert "ManagedPolicyArns" not in resource["Properties"], f"{stack}/{logical_id}"


def test_the_migrations_are_the_only_custom_resource(environment: Environment) -> None:
    custom = [
        resource["Type"]
        for _, _, resource in environment.all_resources()
        if resource["Type"].startswith(("Custom::", "AWS::CloudFormation::CustomResource"))
    ]
    assert custom == ["Custom::Migrations"]


def test_an_environment_can_be_deployed_to_any_account(environment: Environment) -> None:
    for template in environment.templates.values():
        assert not re.search(r"\b\d{12}\b", json.dumps(template.to_json()))
