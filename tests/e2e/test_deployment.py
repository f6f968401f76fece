import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest

from local.cloud import emulator
from local.cloud.deployed_job import DeployedJob
from local.cloud.deployment import CLI
from local.cloud.environment import GENERATOR, STREAMS, database_url
from local.folder import PROJECT
from local.pipeline.waiting import rows_stored
from local.reconciliation.comparison import collect, reconcile
from local.reconciliation.readback import read_database, read_streams
from local.servers import processes
from stacks.config import DEV
from tests.e2e.analytics import check_files_in_the_bucket_are_loaded_or_refused, check_models
from tests.local.commands import leftovers, run
from tests.local.watching import ProcessObservations, files_containing, watched
from tests.waiting import wait_until

STACKS = ["Network", "Streams", "Database", "Processing", "Analytics", "Monitoring"]


def test_the_stacks_deploy_run_update_and_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    with watched(tmp_path) as seen, up(tmp_path) as url, emulator.reached(url):
        check_deployed_templates_equal_those_for_aws(tmp_path)
        job = DeployedJob()
        assert job.orchestrate("start")["outcome"] == "already_running"
        assert publish(clicks=400) > 400
        check_all_events_are_stored_and_credited()
        check_an_update_in_place_keeps_the_data()
        assert publish(clicks=100) > 100
        check_all_events_are_stored_and_credited()
        check_the_models_hold_every_checkout()
        check_files_in_the_bucket_are_loaded_or_refused()
        check_a_user_can_be_erased()
        check_no_password_is_exposed(seen, tmp_path)
        check_the_smoke_test_passes()
        check_the_preflight_passes("6 exist: this is an update")
        job.stop()
        assert job.orchestrate("status")["state"] == "STOPPED"
        destroy()
        assert remaining_resources() == []
        check_the_preflight_passes("none exists: this is a first deployment")
    assert leftovers(tmp_path) == []
    assert not processes.is_listening(int(url.rpartition(":")[2]))


@contextmanager
def up(folder: Path) -> Iterator[str]:
    """Runs `up` on a free port and yields the cloud's URL; runs `down` after the block."""
    port = processes.free_port()
    try:
        result = run(folder, "up", "--port", port, seconds=300)
        assert result.returncode == 0, result.stdout + result.stderr
        yield f"http://127.0.0.1:{port}"
    finally:
        assert run(folder, "down").returncode == 0


def check_deployed_templates_equal_those_for_aws(folder: Path) -> None:
    """Synthesizes the templates without the local cloud in the environment and compares them with the deployed ones."""
    output = folder / "for-aws"
    without_cloud = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    cdk("synth", "Dev/**", "--quiet", "--output", str(output), environment=without_cloud)
    deployed = boto3.client("cloudformation")
    for stack in STACKS:
        (template,) = output.glob(f"assembly-Dev/Dev{stack}*.template.json")
        response = deployed.get_template(StackName=f"ecommerce-streaming-dev-{stack}", TemplateStage="Original")
        assert response["TemplateBody"] == json.loads(template.read_text())


def publish(*, clicks: int) -> int:
    """Invokes the generator; returns the number of published events."""
    return int(invoke(GENERATOR, {"clicks": clicks})["events"])


def check_all_events_are_stored_and_credited() -> None:
    """Waits until all records are stored, then compares the rows with a recomputation from the streams."""
    published = collect(read_streams(boto3.client("kinesis"), STREAMS))
    with psycopg.connect(database_url(), autocommit=True) as connection:
        wait_until(lambda: rows_stored(connection) >= published.to_store, "every record in PostgreSQL", 180)
        result = reconcile(published, read_database(connection, STREAMS))
    assert result.clean, result.examples
    assert result.attributed > 0


def check_an_update_in_place_keeps_the_data() -> None:
    kinesis = boto3.client("kinesis")
    initial_records = collect(read_streams(kinesis, STREAMS)).records
    app = [sys.executable, "-m", "tests.e2e.longer_retention"]
    cdk(
        "deploy",
        "Dev/**",
        "--app",
        " ".join(app),
        "--require-approval",
        "never",
        "--output",
        "cdk.out/longer-retention",
    )
    for name in STREAMS.values():
        stream = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        assert stream["RetentionPeriodHours"] == 48
    assert collect(read_streams(kinesis, STREAMS)).records >= initial_records
    assert DeployedJob().orchestrate("status")["state"] == "RUNNING"


def check_no_password_is_exposed(seen: ProcessObservations, folder: Path) -> None:
    """Looks for passwords in process arguments and readable files.

    There are five: those of the four logins, and the PostgreSQL superuser's.
    """
    manager = boto3.client("secretsmanager")
    names = [secret["ARN"] for secret in manager.list_secrets()["SecretList"]]
    logins = [json.loads(manager.get_secret_value(SecretId=name)["SecretString"])["password"] for name in names]
    superuser = folder / "cloud" / "rds" / DEV.name("database") / "password"
    secrets = [*logins, superuser.read_text()]
    assert len(set(secrets)) == 5
    seen.check(["local.cloud", "local.cloud.services.tls", "postgres", "java"], secrets)
    assert files_containing(folder, secrets) == {str(superuser.relative_to(folder)): 0o600}


def check_the_models_hold_every_checkout() -> None:
    """Refreshes the attribution models in the deployed function, and compares them with the events."""
    invoke(DEV.name("analytics"), {})
    with psycopg.connect(database_url(), autocommit=True) as connection:
        check_models(connection)


def invoke(function: str, payload: dict[str, Any]) -> Any:
    response = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(payload))
    answer = json.loads(response["Payload"].read())
    assert "FunctionError" not in response, answer
    return answer


def check_a_user_can_be_erased() -> None:
    """Erases a user as docs/operations.md describes, through the database function."""
    with psycopg.connect(database_url(), autocommit=True) as connection:
        ((user_id,),) = connection.execute("select user_id from raw_checkouts limit 1").fetchall()
    counts = [invoke(DEV.name("database"), {"erase_user": user_id})["erased"] for _ in range(2)]
    assert counts[0]["users"] == 1
    assert counts[0]["raw_checkouts"] == counts[0]["attributed_checkouts"] > 0
    assert set(counts[1].values()) == {0}


def check_the_smoke_test_passes() -> None:
    """Runs the smoke test as the delivery pipeline does, and publishes events for it meanwhile."""
    start = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "stacks.smoke", "dev", "--minutes", "4"], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as smoke:
        while smoke.poll() is None and time.monotonic() < start + 260:
            publish(clicks=50)
            time.sleep(5)
    assert smoke.returncode == 0


def check_the_preflight_passes(stacks: str) -> None:
    """Runs the preflight; `stacks` is what it says about them."""
    result = command([sys.executable, "-m", "stacks.preflight", "dev"], os.environ)
    assert f"ok           stacks: {stacks}" in result.stdout.splitlines()


def destroy() -> None:
    result = command([sys.executable, "-m", "stacks.teardown", "dev"], os.environ)
    remains = [line for line in result.stdout.splitlines() if line.startswith("remains: ")]
    assert [line for line in remains if ":kms:" not in line] == []


def remaining_resources() -> list[str]:
    """Returns the resources and server processes of the environment that still exist."""
    instances = boto3.client("rds").describe_db_instances()["DBInstances"]
    stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
    buckets = boto3.client("s3").list_buckets()["Buckets"]
    resources: list[Any] = [
        *boto3.client("kinesis").list_streams()["StreamNames"],
        *(function["FunctionName"] for function in boto3.client("lambda").list_functions()["Functions"]),
        *boto3.client("glue").get_jobs()["Jobs"],
        *(instance["DBInstanceIdentifier"] for instance in instances),
        *(secret["Name"] for secret in boto3.client("secretsmanager").list_secrets()["SecretList"]),
        *(group["logGroupName"] for group in boto3.client("logs").describe_log_groups()["logGroups"]),
        *(rule["Name"] for rule in boto3.client("events").list_rules()["Rules"]),
        *(stack["StackName"] for stack in stacks if stack["StackName"] != "CDKToolkit"),
        *(bucket["Name"] for bucket in buckets if not bucket["Name"].startswith("cdk-")),
    ]
    servers = subprocess.run(
        ["pgrep", "--full", f"{os.environ['LOCAL_FOLDER']}/cloud/(rds|glue)/"],
        capture_output=True,
        text=True,
        check=False,
    )
    return resources + servers.stdout.split()


def cdk(*arguments: str, environment: Any = os.environ) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command([str(CLI), *arguments, "--no-notices"], {**environment, "PATH": path})


def command(arguments: list[str], environment: Any) -> "subprocess.CompletedProcess[str]":
    result = subprocess.run(
        arguments, cwd=PROJECT, env=dict(environment), capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, f"{' '.join(arguments)}:\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result
