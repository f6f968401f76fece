"""Tests of the component builds: their triggers, permissions and commands."""

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks.component_build import COMPONENTS, watched
from stacks.config import PROJECT
from stacks.review import EXAMPLE
from tests.stacks.conftest import ROOT, in_shell
from tests.stacks.pipeline_template import template

EVERY = pytest.mark.parametrize("component", list(COMPONENTS))


def project(component: str) -> dict[str, Any]:
    name = f"{PROJECT}-{component.replace('_', '-')}"
    (definition,) = template().find_resources("AWS::CodeBuild::Project", {"Properties": {"Name": name}}).values()
    properties: dict[str, Any] = definition["Properties"]
    return properties


def commands(component: str) -> list[str]:
    spec: dict[str, Any] = json.loads(project(component)["Source"]["BuildSpec"])
    return [command for phase in spec["phases"].values() for command in phase.get("commands", [])]


@EVERY
def test_a_push_to_main_starts_the_build_and_reports_to_the_commit(component: str) -> None:
    properties = project(component)
    (group,) = properties["Triggers"]["FilterGroups"]
    filters = {rule["Type"]: rule["Pattern"] for rule in group}
    assert filters == {"EVENT": "PUSH", "HEAD_REF": "refs/heads/main", "FILE_PATH": watched(component)}
    source = properties["Source"]
    assert source["Location"] == f"https://github.com/{EXAMPLE.repository}.git"
    assert source["Auth"] == {"Type": "CODECONNECTIONS", "Resource": EXAMPLE.connection_arn}
    assert source["ReportBuildStatus"] is True
    assert source["BuildStatusConfig"] == {"Context": f"component/{component}"}


@pytest.mark.parametrize(
    ("path", "starts"),
    [
        ("runtime/data_generator/shop.py", {"data_generator"}),
        ("tests/runtime/data_generator/test_shoppers.py", {"data_generator"}),
        ("runtime/orchestrator/requirements.lock", {"orchestrator"}),
        ("runtime/attribution_job/sink/postgres.py", {"attribution_job"}),
        ("runtime/attribution_job/events/contract.py", set(COMPONENTS)),
        ("runtime/database/migrations/0003_attribution.sql", {"attribution_job"}),
        ("runtime/__init__.py", set(COMPONENTS)),
        ("tests/runtime/conftest.py", set(COMPONENTS)),
        ("local/cloud/emulator.py", set(COMPONENTS)),
        ("stacks/bundling.py", set(COMPONENTS)),
        ("requirements-dev.txt", set(COMPONENTS)),
        ("Makefile", set(COMPONENTS)),
        ("README.md", set()),
        ("stacks/network.py", set()),
        ("tests/stacks/test_network.py", set()),
        ("docs/runtime/orchestrator/page.md", set()),
    ],
)
def test_a_change_starts_the_builds_of_the_affected_components(path: str, starts: set[str]) -> None:
    assert {component for component in COMPONENTS if re.search(watched(component), path)} == starts


@EVERY
def test_every_file_that_a_component_imports_starts_its_build(component: str) -> None:
    folders = [ROOT / top / folder for folder in COMPONENTS[component] for top in ("runtime", "tests/runtime")]
    unseen = [path for folder in folders for path in folder.rglob("*.py")]
    unseen += [ROOT / "stacks/bundling.py", ROOT / "tests/conftest.py", ROOT / "tests/runtime/conftest.py"]
    files = set(unseen)
    while unseen:
        imported = set(imports(unseen.pop())) - files
        files |= imported
        unseen += imported
    paths = {str(path.relative_to(ROOT)) for path in files}
    assert {"local/servers/postgres.py", "stacks/certificates.py", f"runtime/{component}/__init__.py"} <= paths
    # Files of another component that only shared fixtures import start the other component's build.
    any_build = "|".join(watched(name) for name in COMPONENTS)
    assert not [path for path in paths if not re.search(any_build, path)]
    assert {path for path in paths if not re.search(watched(component), path)} <= {
        "runtime/attribution_job/session.py",
        "runtime/database/migrate.py",
    }


def imports(path: Path) -> Iterator[Path]:
    """Yields the files of this repository that a module imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = ROOT.joinpath(*node.module.split("."))
            candidates = [module.with_suffix(".py"), *(module / f"{alias.name}.py" for alias in node.names)]
            yield from (candidate for candidate in candidates if candidate.exists())


@EVERY
def test_a_build_may_only_fetch_the_code_and_write_its_log(component: str) -> None:
    role_id = project(component)["ServiceRole"]["Fn::GetAtt"][0]
    role = template().find_resources("AWS::IAM::Role")[role_id]["Properties"]
    allowed = {
        action
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }
    connection = ("GetConnection", "GetConnectionToken", "UseConnection")
    assert allowed == {"logs:CreateLogStream", "logs:PutLogEvents"} | {f"codeconnections:{name}" for name in connection}
    attached = template().find_resources("AWS::IAM::Policy").values()
    assert not [policy for policy in attached if {"Ref": role_id} in policy["Properties"]["Roles"]]


# A filter selects few of the component's tests: the job's tests take minutes, and `make test` runs all of them.
@pytest.mark.parametrize(
    ("component", "test_filter", "bundled"),
    [
        ("data_generator", "-k settings", ["runtime/data_generator/handler.py", "pydantic/main.py"]),
        ("orchestrator", "-k actions", ["runtime/orchestrator/handler.py", "boto3/session.py"]),
        (
            "attribution_job",
            "-k 'arguments or connection'",
            ["runtime/database/connection.py", "runtime/database/rds-global-bundle.pem"],
        ),
    ],
)
def test_the_build_commands_pass_on_a_clean_checkout(
    checkout: Path, component: str, test_filter: str, bundled: list[str]
) -> None:
    for command in commands(component):
        result = in_shell(command, checkout, ARGS=test_filter)
        assert result.returncode == 0, result.stdout + result.stderr
    for message in ("All checks passed!", "already formatted", "Success: no issues found", " passed"):
        assert message in result.stdout
    bundle = Path(result.stdout.splitlines()[-1])
    assert bundle.is_relative_to(checkout)
    files = zipfile.ZipFile(bundle).namelist() if bundle.suffix == ".zip" else []
    assert all(name in files or (bundle / name).exists() for name in bundled)


def test_the_build_commands_fail_when_a_test_fails(checkout: Path) -> None:
    broken = checkout / "tests" / "runtime" / "orchestrator" / "test_broken.py"
    broken.write_text("def test_broken() -> None:\n    raise NotImplementedError\n")
    (command,) = commands("orchestrator")
    result = in_shell(command, checkout, ARGS="-k broken")
    broken.unlink()
    assert result.returncode != 0
    assert "1 failed" in result.stdout
