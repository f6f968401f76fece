import copy
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stacks import review
from stacks.review import SNAPSHOT, SNAPSHOTS, committed, markdown
from tests.stacks.conftest import ROOT, in_shell


@pytest.fixture(scope="module")
def templates() -> dict[str, Any]:
    """Returns the snapshots of the working tree, by name."""
    paths = [path for path in (ROOT / SNAPSHOTS).rglob("*.json") if SNAPSHOT.search(str(path))]
    return {match[1]: json.loads(path.read_text()) for path in paths if (match := SNAPSHOT.search(str(path)))}


@pytest.fixture
def changed(templates: dict[str, Any]) -> dict[str, Any]:
    """Returns a copy of the snapshots for a test to change."""
    return copy.deepcopy(templates)


def resource(template: dict[str, Any], kind: str) -> dict[str, Any]:
    definition: dict[str, Any] = next(
        resource for resource in template["Resources"].values() if resource["Type"] == kind
    )
    return definition


def test_every_template_has_a_snapshot(templates: dict[str, Any]) -> None:
    stacks = {"Network", "Streams", "Database", "Processing", "Analytics", "Monitoring"}
    assert set(templates) == {f"{environment}-{stack}" for environment in ("dev", "prod") for stack in stacks} | {
        "pipeline"
    }


def test_unchanged_templates_are_reported_in_one_line(templates: dict[str, Any], changed: dict[str, Any]) -> None:
    assert markdown(templates, changed) == "The templates match the snapshots."


def test_permissions_and_ports_come_before_other_changes(templates: dict[str, Any], changed: dict[str, Any]) -> None:
    resource(changed["dev-Database"], "AWS::RDS::DBInstance")["Properties"]["DBInstanceClass"] = "db.t4g.micro"
    resource(changed["dev-Network"], "AWS::EC2::Subnet")["Properties"]["CidrBlock"] = "10.0.9.0/24"
    resource(changed["prod-Database"], "AWS::EC2::SecurityGroupIngress")["Properties"]["CidrIp"] = "0.0.0.0/0"
    statement = {"Action": "s3:*", "Effect": "Allow", "Resource": "*"}
    policy = resource(changed["prod-Streams"], "AWS::IAM::Policy")["Properties"]["PolicyDocument"]
    policy["Statement"].append(statement)

    text = markdown(templates, changed)

    assert text.startswith("2 changes of permissions and ports, 2 other changes.\n\n### Permissions and ports")
    security, others = text.split("### Other changes")
    assert '"Action": "s3:*",' in security
    assert '+    "CidrIp": "0.0.0.0/0"' in security
    assert '-    "DBInstanceClass": "db.t3.micro"' in others
    assert '+    "CidrBlock": "10.0.9.0/24"' in others


def test_the_report_is_markdown_for_a_pull_request(templates: dict[str, Any], changed: dict[str, Any]) -> None:
    del changed["dev-Streams"]["Resources"]["Schedule83A77FD1"]
    changed["dev-Streams"]["Outputs"]["New"] = {"Value": "1"}
    changed["dev-Audit"] = {"Resources": {"Role": {"Type": "AWS::IAM::Role"}}}
    text = markdown(templates, changed)
    assert "**dev-Audit** `Role` (AWS::IAM::Role) added" in text
    assert "**dev-Streams** `Schedule83A77FD1` (AWS::Events::Rule) removed" in text
    assert "**dev-Streams** `New` (Outputs) added" in text
    assert text.count("```diff\n") == 3
    assert text.count("```") == 6


def test_snapshots_are_read_from_the_given_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review, "ROOT", tmp_path)
    snapshot = (
        tmp_path / SNAPSHOTS / "test_rules" / "test_templates_change_only_when_the_snapshot_does[dev-Network].json"
    )
    snapshot.parent.mkdir(parents=True)

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init", "--initial-branch", "main")
    for number in (1, 2):
        snapshot.write_text(json.dumps({"Resources": {"number": number}}))
        git("add", ".")
        git("commit", "--message", str(number))
    snapshot.write_text("{}")
    assert committed("HEAD") == {"dev-Network": {"Resources": {"number": 2}}}
    assert committed("HEAD~1") == {"dev-Network": {"Resources": {"number": 1}}}


def test_make_diff_shows_a_change_against_the_last_commit(checkout: Path) -> None:
    changes = {
        "stacks/orchestrator.py": ('"glue:GetJobRuns"', '"glue:GetJobRuns", "glue:DeleteJob"'),
        "stacks/config.py": ('generator_schedule="rate(5 minutes)"', 'generator_schedule="rate(1 minute)"'),
    }
    for file, (old, new) in changes.items():
        text = (checkout / file).read_text()
        assert old in text
        (checkout / file).write_text(text.replace(old, new))
    result = in_shell("make --silent diff", checkout)
    subprocess.run(["git", "-C", str(checkout), "checkout", "--quiet", "."], check=True)
    assert result.stdout.startswith(
        "2 changes of permissions and ports, 2 other changes.\n\n### Permissions and ports\n"
    ), result.stderr
    security, others = result.stdout.split("### Other changes")
    assert len(re.findall(r'^\+ +"glue:DeleteJob",', security, re.M)) == 2  # dev and prod
    assert len(re.findall(r'^\+ +"ScheduleExpression": "rate\(1 minute\)"', others, re.M)) == 2
