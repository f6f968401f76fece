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
from tests.local.commands import leftovers, run
from tests.local.watching import Seen, files_with, watched
from tests.waiting import wait_until

STACKS = ["Network", "Streams", "Database", "Processing", "Monitoring"]


def test_the_stacks_deploy_run_update_and_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_FOLDER", str(tmp_path))
    with watched(tmp_path) as seen, up(tmp_path) as url, emulator.reached(url):
        the_deployed_templates_are_those_for_aws(tmp_path)
        job = DeployedJob()
        assert job.orchestrate("start")["outcome"] == "already_running"
        assert publish(clicks=400) > 400
        everything_published_is_stored_and_credited_right()
        an_update_in_place_keeps_what_is_there()
        assert publish(clicks=100) > 100
        everything_published_is_stored_and_credited_right()
        a_person_is_erased_by_a_call()
        others_on_this_machine_learn_no_password(seen, tmp_path)
        it_is_tried_as_the_pipeline_tries_it()
        job.stop()
        assert job.orchestrate("status")["state"] == "STOPPED"
        destroy()
        assert what_is_left() == []
    assert leftovers(tmp_path) == []
    assert not processes.is_listening(int(url.rpartition(":")[2]))


@contextmanager
def up(folder: Path) -> Iterator[str]:
    port = processes.free_port()
    try:
        result = run(folder, "up", "--port", port, seconds=300)
        assert result.returncode == 0, result.stdout + result.stderr
        yield f"http://127.0.0.1:{port}"
    finally:
        assert run(folder, "down").returncode == 0


def the_deployed_templates_are_those_for_aws(folder: Path) -> None:
    """Synthesized again where no cloud is in the environment, and without context, they are the same."""
    output = folder / "for-aws"
    without_cloud = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    cdk("synth", "Dev/**", "--quiet", "--output", str(output), environment=without_cloud)
    deployed = boto3.client("cloudformation")
    for stack in STACKS:
        (template,) = output.glob(f"assembly-Dev/Dev{stack}*.template.json")
        answer = deployed.get_template(StackName=f"ecommerce-streaming-dev-{stack}", TemplateStage="Original")
        assert answer["TemplateBody"] == json.loads(template.read_text())


def publish(*, clicks: int) -> int:
    """Invokes the generator as anybody may; returns the number of events."""
    answer = boto3.client("lambda").invoke(FunctionName=GENERATOR, Payload=json.dumps({"clicks": clicks}))
    counts = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, counts
    return int(counts["clicks"] + counts["checkouts"])


def everything_published_is_stored_and_credited_right() -> None:
    """What the streams hold is the truth: the rows are compared with a recomputation from it."""
    published = collect(read_streams(boto3.client("kinesis"), STREAMS))
    with psycopg.connect(database_url(), autocommit=True) as connection:
        wait_until(lambda: rows_stored(connection) >= published.to_store, "every record in PostgreSQL", 180)
        result = reconcile(published, read_database(connection, STREAMS))
    assert result.clean, result.examples
    assert result.attributed > 0


def an_update_in_place_keeps_what_is_there() -> None:
    kinesis = boto3.client("kinesis")
    before = collect(read_streams(kinesis, STREAMS)).records
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
    assert collect(read_streams(kinesis, STREAMS)).records >= before
    assert DeployedJob().orchestrate("status")["state"] == "RUNNING"


def others_on_this_machine_learn_no_password(seen: Seen, folder: Path) -> None:
    """Not from arguments, and not from files: those of the three logins, and the superuser's of the server itself."""
    manager = boto3.client("secretsmanager")
    names = [secret["ARN"] for secret in manager.list_secrets()["SecretList"]]
    logins = [json.loads(manager.get_secret_value(SecretId=name)["SecretString"])["password"] for name in names]
    superuser = folder / "cloud" / "rds" / DEV.name("database") / "password"
    secrets = [*logins, superuser.read_text()]
    assert len(set(secrets)) == 4
    seen.check(["local.cloud", "local.cloud.services.tls", "postgres", "java"], secrets)
    assert files_with(folder, secrets) == {str(superuser.relative_to(folder)): 0o600}


def a_person_is_erased_by_a_call() -> None:
    """As docs/operations.md has it, through the function that reaches the database."""
    with psycopg.connect(database_url(), autocommit=True) as connection:
        ((user_id,),) = connection.execute("select user_id from raw_checkouts limit 1").fetchall()
    functions = boto3.client("lambda")
    counts = []
    for _ in range(2):
        payload = json.dumps({"erase_user": user_id})
        answer = functions.invoke(FunctionName=DEV.name("database"), Payload=payload)
        counts.append(json.loads(answer["Payload"].read())["erased"])
    assert counts[0]["users"] == 1
    assert counts[0]["raw_checkouts"] == counts[0]["attributed_checkouts"] > 0
    assert set(counts[1].values()) == {0}


def it_is_tried_as_the_pipeline_tries_it() -> None:
    """A new run, and a batch of fresh checkouts, for which somebody has to come to the shop."""
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "stacks.smoke", "dev", "--minutes", "4"], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as smoke:
        while smoke.poll() is None and time.monotonic() < began + 260:
            publish(clicks=50)
            time.sleep(5)
    assert smoke.returncode == 0


def destroy() -> None:
    result = command([sys.executable, "-m", "stacks.teardown", "dev"], os.environ)
    kept = [line for line in result.stdout.splitlines() if line.startswith("remains: ")]
    assert [line for line in kept if ":kms:" not in line] == []


def what_is_left() -> list[str]:
    """Of everything that an environment consists of, what still exists."""
    database = boto3.client("rds").describe_db_instances()["DBInstances"]
    stacks = boto3.client("cloudformation").describe_stacks()["Stacks"]
    buckets = boto3.client("s3").list_buckets()["Buckets"]
    found: list[Any] = [
        *boto3.client("kinesis").list_streams()["StreamNames"],
        *(function["FunctionName"] for function in boto3.client("lambda").list_functions()["Functions"]),
        *boto3.client("glue").get_jobs()["Jobs"],
        *(instance["DBInstanceIdentifier"] for instance in database),
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
    return found + servers.stdout.split()


def cdk(*arguments: str, environment: Any = os.environ) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command([str(CLI), *arguments, "--no-notices"], {**environment, "PATH": path})


def command(words: list[str], environment: Any) -> "subprocess.CompletedProcess[str]":
    result = subprocess.run(
        words, cwd=PROJECT, env=dict(environment), capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, f"{' '.join(words)}:\n{result.stdout[-3000:]}\n{result.stderr[-3000:]}"
    return result
