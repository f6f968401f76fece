"""Tests of the checks of a change: GitHub workflow, pre-commit hooks, Makefile targets, bill of materials."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stacks.conftest import ROOT, in_shell

ACTIONLINT = str(Path(sys.executable).with_name("actionlint"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def documented_targets() -> set[str]:
    """Returns the Makefile targets that `make help` lists."""
    makefiles = "\n".join(path.read_text() for path in (ROOT / "Makefile", *ROOT.glob("*.mk")))
    return set(re.findall(r"^([a-z0-9-]+):.*##", makefiles, re.M))


def test_actionlint_finds_nothing_in_the_workflows() -> None:
    assert WORKFLOWS
    result = subprocess.run([ACTIONLINT, *map(str, WORKFLOWS)], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_actionlint_detects_a_broken_workflow() -> None:
    broken = (
        WORKFLOWS[0].read_text().replace("github.base_ref", "github.base_reff").replace("timeout-minutes", "timeout")
    )
    result = subprocess.run([ACTIONLINT, "-no-color", "-"], input=broken, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "base_reff" in result.stdout
    assert '"timeout"' in result.stdout


def test_a_pull_request_runs_lint_tests_and_the_template_diff() -> None:
    text = (ROOT / ".github" / "workflows" / "checks.yml").read_text()
    commands = re.findall(r"run: (make .*)", text)
    assert commands == ["make lint", 'make --silent diff | tee "$GITHUB_STEP_SUMMARY"', "make test"]
    assert "shell: bash" in text  # implies pipefail
    assert re.search(r"^on:\n  pull_request:\n", text, re.M)
    assert "BASE: origin/${{ github.base_ref }}" in text
    assert re.search(r"^permissions:\n  contents: read\n\n", text, re.M)


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "README.md", "docs/deploying.md", "docs/first-deployment.md"])
def test_every_make_target_in_the_documentation_exists(page: str) -> None:
    targets = set(re.findall(r"\bmake ([a-z][a-z0-9-]+)", (ROOT / page).read_text()))
    assert targets & {"lint", "test", "deploy"}
    assert targets <= documented_targets()


def test_the_hooks_pass_and_download_nothing(checkout: Path, tmp_path: Path) -> None:
    config = (checkout / ".pre-commit-config.yaml").read_text()
    assert set(re.findall(r"repo: (.*)", config)) == {"local"}
    # mypy takes a minute without what `make lint` has left.
    cache = tmp_path / "mypy"
    shutil.copytree(ROOT / ".mypy_cache", cache) if (ROOT / ".mypy_cache").exists() else cache.mkdir()
    variables = {"PRE_COMMIT_HOME": str(tmp_path), "PRE_COMMIT_COLOR": "never", "MYPY_CACHE_DIR": str(cache)}
    result = in_shell(".venv/bin/pre-commit run --all-files", checkout, **variables)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("Passed") == 4


def test_a_hook_rejects_a_lint_error(checkout: Path, tmp_path: Path) -> None:
    file = checkout / "stacks" / "wrong.py"
    file.write_text("import os\n")
    command = "git add stacks/wrong.py; .venv/bin/pre-commit run ruff-check"
    result = in_shell(command, checkout, PRE_COMMIT_HOME=str(tmp_path), PRE_COMMIT_COLOR="never")
    in_shell("git rm --quiet --force stacks/wrong.py", checkout)
    assert result.returncode == 1
    assert "F401" in result.stdout


def test_the_bill_of_materials_lists_every_locked_package_with_checksums(checkout: Path) -> None:
    result = in_shell("make sbom", checkout)
    assert result.returncode == 0, result.stderr
    for lock in ROOT.glob("runtime/*/requirements.lock"):
        bill = json.loads((checkout / "sbom" / f"{lock.parent.name}.cdx.json").read_text())
        assert bill["bomFormat"] == "CycloneDX"
        locked = re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(), re.M)
        assert {(part["name"], part["version"]) for part in bill["components"]} == set(locked)
        checksums = re.findall(r"sha256:([0-9a-f]{64})", lock.read_text())
        listed = [
            entry["content"]
            for part in bill["components"]
            for ref in part["externalReferences"]
            for entry in ref["hashes"]
        ]
        assert sorted(listed) == sorted(checksums)
