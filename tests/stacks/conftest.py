"""Both environments, synthesised once, without bundling."""

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
# pytest does not read cdk.json; the CLI does.
CONTEXT = json.loads((ROOT / "cdk.json").read_text())["context"] | {"aws:cdk:bundling-stacks": []}


@dataclass(frozen=True)
class Environment:
    """A synthesised stage, by the ids of its stacks."""

    config: Config
    stage: StreamingStage

    @cached_property
    def templates(self) -> dict[str, Template]:
        stacks = [child for child in self.stage.node.children if isinstance(child, Stack)]
        return {stack.node.id: Template.from_stack(stack) for stack in stacks}

    def resources(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        """The stack's resources of a type, by logical id."""
        found = self.templates[stack].find_resources(kind)
        return {logical_id: dict(resource) for logical_id, resource in found.items()}

    def properties(self, stack: str, kind: str) -> dict[str, Any]:
        """The properties of the only resource of that type."""
        (resource,) = self.resources(stack, kind).values()
        properties: dict[str, Any] = resource["Properties"]
        return properties

    def everything(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Stack, logical id and definition of every resource."""
        return [
            (stack, logical_id, resource)
            for stack, template in self.templates.items()
            for logical_id, resource in template.to_json().get("Resources", {}).items()
        ]

    def statements(self, stack: str, role: str) -> list[dict[str, Any]]:
        """What the roles whose logical id begins so may do."""
        return [
            statement
            for policy in self.resources(stack, "AWS::IAM::Policy").values()
            if any(reference["Ref"].startswith(role) for reference in policy["Properties"]["Roles"])
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]


@pytest.fixture
def snapshot(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the last commit; of this machine it has what takes minutes to install."""
    folder = tmp_path_factory.mktemp("clean") / "checkout"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (0, 0))  # older than what was installed from it
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
    """Each of them."""
    synthesised: Environment = request.getfixturevalue(request.param)
    return synthesised


def actions(statement: dict[str, Any]) -> set[str]:
    """A statement's actions, of which CloudFormation writes a single one without a list."""
    listed = statement["Action"]
    return {listed} if isinstance(listed, str) else set(listed)


def resources(statement: dict[str, Any]) -> list[Any]:
    """A statement's resources, likewise."""
    listed = statement["Resource"]
    return listed if isinstance(listed, list) else [listed]


def accepted_findings(construct: IConstruct) -> dict[str, dict[str, str]]:
    """The reason for each finding of cdk-nag that stays, by path and rule."""
    accepted = {
        part.node.path: {
            rule: reason
            for entry in part.node.metadata
            if entry.type == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
            for rule, reason in entry.data.items()
            if rule.startswith(PACK)  # not what the construct library accepts of itself
        }
        for part in construct.node.find_all()
    }
    return {path: rules for path, rules in accepted.items() if rules}


def cfn_lint(templates: Mapping[str, Template], folder: Path) -> str:
    """What cfn-lint says of the templates."""
    for stack, template in templates.items():
        (folder / f"{stack}.template.json").write_text(json.dumps(template.to_json()))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--", *map(str, folder.glob("*.template.json"))]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return result.stdout + result.stderr


def in_shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """As CodeBuild runs it: in a shell of its own, without credentials. `make` takes variables from the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "AWS_"))}
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment | variables, capture_output=True, text=True, check=False
    )
