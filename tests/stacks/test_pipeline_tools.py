"""Tests of the pipeline's npm tools and its publishing command."""

import json
import os
import re
import subprocess
from pathlib import Path

import boto3
from aws_cdk import App

from stacks.pipeline_tools import PUBLISH
from tests.stacks.conftest import CONTEXT, ROOT, actions, resources
from tests.stacks.pipeline_template import build_spec, pipeline_in, projects, role_statements, stages

CLI = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]


def test_every_tool_from_npm_is_the_pinned_cli() -> None:
    installed = [tool for name in projects() for tool in re.findall(r"npm install -g ([^\s\\\"]+)", build_spec(name))]
    assert len(installed) == 3  # deploys the pipeline, publishes assets, compares permissions
    assert set(installed) == {f"aws-cdk@{CLI}"}


def test_assets_are_published_by_one_project() -> None:
    assert [action["Name"] for action in stages()["Assets"]] == ["FileAssets"]
    assert PUBLISH in build_spec("FileAsset")


def test_the_publishing_command_uploads_every_asset_to_its_key(emulator: str, tmp_path: Path) -> None:
    """Runs the real CLI. The emulator lets it assume any role, and it assumes exactly the granted roles."""
    app = App(context=CONTEXT, outdir=str(tmp_path / "assembly"))
    pipeline_in(app)
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
    uploaded_keys = {item["Key"] for item in boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]}
    expected_keys = {
        destination["objectKey"]
        for path in Path(assembly).rglob("assembly-*/*.assets.json")
        for asset in json.loads(path.read_text())["files"].values()
        for destination in asset["destinations"].values()
    }
    assert len(expected_keys) > 10
    assert expected_keys <= uploaded_keys
    granted = {
        re.sub(r"-\$\{AWS::\w+\}", "", str(arn["Fn::Sub"])).rpartition("/")[2]
        for statement in role_statements("FileRole")
        if actions(statement) == {"sts:AssumeRole"}
        for arn in resources(statement)
    }
    assumed = set(re.findall(r"Assuming role '[^']*/([\w-]+)-000000000000-us-east-1'", log))
    assert assumed == granted == {"cdk-hnb659fds-file-publishing-role", "cdk-hnb659fds-deploy-role"}
