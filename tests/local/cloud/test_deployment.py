from pathlib import Path

import pytest

from local.cloud import deployment
from local.cloud.deployment import deploy
from local.errors import InputError, RunError
from tests.local.commands import run

CLI = """#!/bin/sh
case $1-{behaviour} in
    deploy-works) echo 'Dev/Streams (shop-dev-Streams): deploying... [2/5]';;
    deploy-fails) echo 'shop-dev-Streams | CREATE_FAILED | AWS::Kinesis::Stream | no more streams'; exit 1;;
    deploy-hangs) echo 'waiting for the answer of a custom resource'; sleep 60;;
esac
"""


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cdk"
    path.touch(mode=0o755)
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    monkeypatch.setattr(deployment, "CLI", path)
    return path


def test_the_progress_names_each_stack(cli: Path, tmp_path: Path) -> None:
    cli.write_text(CLI.format(behaviour="works"))
    messages: list[str] = []
    deploy(tmp_path, messages.append)
    assert messages[-1] == "stack shop-dev-Streams (2 of 5)"


def test_a_failed_stack_is_reported_with_its_reason_and_the_remedy(cli: Path, tmp_path: Path) -> None:
    cli.write_text(CLI.format(behaviour="fails"))
    with pytest.raises(RunError) as failure:
        deploy(tmp_path, lambda _: None)
    assert "no more streams" in str(failure.value)
    assert "python -m local down" in str(failure.value)
    assert (tmp_path / "deploy.log").read_text().endswith("no more streams\n")


def test_a_deployment_that_exceeds_its_time_limit_is_ended(
    cli: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "SECONDS", deployment.SECONDS | {"deploy": 1})
    cli.write_text(CLI.format(behaviour="hangs"))
    with pytest.raises(RunError, match=r"did not end within 1 s(.|\n)*custom resource"):
        deploy(tmp_path, lambda _: None)


def test_the_error_for_a_missing_cli_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment, "CLI", tmp_path / "missing")
    with pytest.raises(InputError, match="make setup"):
        deploy(tmp_path, lambda _: None)


def test_the_error_for_a_port_in_use_names_the_remedy(tmp_path: Path, emulator_url: str) -> None:
    port = emulator_url.rpartition(":")[2]
    result = run(tmp_path, "up", "--port", port)
    assert f"port {port} of 127.0.0.1 is in use; choose another port with --port" in result.stderr
    assert result.returncode == 2


def test_commands_report_that_no_cloud_is_running(tmp_path: Path) -> None:
    assert "no cloud is running" in run(tmp_path, "down").stdout
    logs = run(tmp_path, "logs", "job")
    assert "no cloud is running" in logs.stderr
    assert logs.returncode == 2
