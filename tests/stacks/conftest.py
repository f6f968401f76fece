"""Fixtures of the stack tests: both environments, synthesised once and without bundling."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk.assertions import Template
from constructs import IConstruct
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from stacks.acknowledgements import PACK
from stacks.config import DEV, ENVIRONMENTS, PROD, Config
from stacks.stage import StreamingStage

ROOT = Path(__file__).parents[2]
# Only the CDK CLI reads cdk.json by itself.
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"] | {"aws:cdk:bundling-stacks": []}


@dataclass(frozen=True)
class Environment:
    """A synthesised stage, and its templates by stack id."""

    config: Config
    stage: StreamingStage

    @cached_property
    def templates(self) -> dict[str, Template]:
        stacks = [child for child in self.stage.node.children if isinstance(child, Stack)]
        return {stack.node.id: Template.from_stack(stack) for stack in stacks}

    def resources(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        """Returns the stack's resources of a type, by logical id."""
        definitions = self.templates[stack].find_resources(kind)
        return {logical_id: dict(resource) for logical_id, resource in definitions.items()}

    def properties(self, stack: str, kind: str) -> dict[str, Any]:
        """Returns the properties of the stack's only resource of a type."""
        (resource,) = self.resources(stack, kind).values()
        properties: dict[str, Any] = resource["Properties"]
        return properties

    def all_resources(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Returns stack id, logical id and definition of every resource."""
        return [
            (stack, logical_id, resource)
            for stack, template in self.templates.items()
            for logical_id, resource in template.to_json().get("Resources", {}).items()
        ]

    def statements(self, stack: str, role: str) -> list[dict[str, Any]]:
        """Returns the policy statements of the roles whose logical ids start with `role`."""
        return [
            statement
            for policy in self.resources(stack, "AWS::IAM::Policy").values()
            if any(role_name(reference).startswith(role) for reference in policy["Properties"]["Roles"])
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]


def role_name(reference: Any) -> str:
    """Returns the logical id of a role of the stack, or the name of a role that exists in the account."""
    return str(reference["Ref"] if isinstance(reference, dict) else reference)


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the last commit. It links to the installed packages, because installing them takes minutes."""
    folder = tmp_path_factory.mktemp("clean") / "checkout"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))  # older than the installed packages, so that make does not install them again
    for installed in (".venv", "node_modules", ".mypy_cache", ".bundles"):
        (ROOT / installed).mkdir(exist_ok=True)
        (folder / installed).symlink_to(ROOT / installed)
    return folder


def synthesise(config: Config) -> Environment:
    environment = Environment(config, StreamingStage(App(context=CONTEXT), config))
    assert environment.templates
    return environment


@pytest.fixture(scope="session")
def dev() -> Environment:
    return synthesise(DEV)


@pytest.fixture(scope="session")
def prod() -> Environment:
    return synthesise(PROD)


@pytest.fixture(params=list(ENVIRONMENTS), scope="session")
def environment(request: pytest.FixtureRequest) -> Environment:
    """Runs a test for each environment."""
    synthesised: Environment = request.getfixturevalue(request.param)
    return synthesised


def actions(statement: dict[str, Any]) -> set[str]:
    """Returns a statement's actions. CDK writes a single action without a list."""
    listed = statement["Action"]
    return {listed} if isinstance(listed, str) else set(listed)


def resources(statement: dict[str, Any]) -> list[Any]:
    """Returns a statement's resources. CDK writes a single resource without a list."""
    listed = statement["Resource"]
    return listed if isinstance(listed, list) else [listed]


def accepted_findings(construct: IConstruct) -> dict[str, dict[str, str]]:
    """Returns the reason of each accepted cdk-nag finding, by construct path and rule."""
    accepted = {
        part.node.path: {
            rule: reason
            for entry in part.node.metadata
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
            for rule, reason in entry.data.items()
            if rule.startswith(PACK)  # without the construct library's own acknowledgements
        }
        for part in construct.node.find_all()
    }
    return {path: rules for path, rules in accepted.items() if rules}


def cfn_lint(templates: Mapping[str, Template], folder: Path) -> str:
    """Returns the output of cfn-lint for the templates."""
    for stack, template in templates.items():
        (folder / f"{stack}.template.json").write_text(json.dumps(template.to_json()))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--", *map(str, folder.glob("*.template.json"))]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return result.stdout + result.stderr


def in_shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as CodeBuild does: in a new shell, without credentials.

    `variables` are environment variables; `make` reads them as its own variables.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "AWS_"))}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment | variables, capture_output=True, text=True, check=False
    )
