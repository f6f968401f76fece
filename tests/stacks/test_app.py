import json
import os
import subprocess
import sys
from pathlib import Path

from tests.stacks.conftest import CONTEXT, ROOT, Environment


def run(outdir: Path, **context: str) -> subprocess.CompletedProcess[str]:
    """Synthesises as the CDK CLI does, but without the CLI and without credentials."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps(CONTEXT | context)}
    return subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_dev_is_the_default_and_needs_no_credentials(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in tmp_path.glob("assembly-*")} == {"assembly-Dev"}
    assert not list(tmp_path.glob("*.template.json"))  # no pipeline


def test_another_environment_is_chosen_by_context(tmp_path: Path) -> None:
    assert run(tmp_path, env="prod").returncode == 0
    assert (tmp_path / "assembly-Prod").exists()


def test_an_unknown_environment_is_refused_with_the_valid_names(tmp_path: Path) -> None:
    result = run(tmp_path, env="staging")
    assert result.returncode != 0
    assert "unknown environment 'staging': expected one of dev, prod" in result.stderr


DELIVERY = {
    "repository": "example/shop",
    "connection_arn": "arn:aws:codeconnections:eu-west-1:111111111111:connection/0a1b",
}


def test_an_unconfigured_pipeline_is_refused_with_the_missing_context(tmp_path: Path) -> None:
    result = run(tmp_path, env="pipeline", repository="example/shop")
    assert result.returncode != 0
    assert "the pipeline needs context in cdk.json: connection_arn is missing" in result.stderr


def test_the_configured_pipeline_needs_no_credentials(tmp_path: Path) -> None:
    result = run(tmp_path, env="pipeline", **DELIVERY)
    assert result.returncode == 0, result.stderr
    assert {path.name for path in tmp_path.glob("assembly-*")} == {"assembly-Dev", "assembly-Prod"}
    assert (tmp_path / "Pipeline.template.json").exists()


def test_an_environment_has_six_stacks(environment: Environment) -> None:
    assert list(environment.templates) == ["Network", "Streams", "Database", "Processing", "Analytics", "Monitoring"]


def test_the_app_has_at_most_forty_lines() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 40


def test_the_cdk_cli_is_pinned() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    assert package["devDependencies"]["aws-cdk"] == "2.1148.1"
