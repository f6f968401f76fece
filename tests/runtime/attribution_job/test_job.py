"""The whole job, as a process: the emulator's Kinesis, the real Spark, the real PostgreSQL, and a kill in between."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
import pytest

from local.cloud import emulator as aws
from local.folder import PROJECT
from local.servers import processes
from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join
from tests.oracle import Checkout, Click, first_clicks

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

NOON = datetime(2025, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DEADLINE_SECONDS = 90
# What the query that began last has read, one click of it twice.
REPLAYED = """
select sum(clicks + checkouts + duplicates)::int from batches
 where query_id = (select query_id from batches order by began_at desc limit 1)
"""


class Shop:
    """Publishes events and remembers what the job is expected to make of them."""

    def __init__(self, client: "KinesisClient") -> None:
        self._client = client
        self.clicks: list[Click] = []
        self.checkouts: list[Checkout] = []
        self.refused = 0
        for stream in ("clicks", "checkouts"):
            client.create_stream(StreamName=stream, ShardCount=2)

    def click(self, at: datetime, user: str, click_id: str | None = None) -> None:
        event = Click(at, click_id or f"c{len(self.clicks):05d}", user)
        self.clicks.append(event)
        self._put("clicks", user, click_id=event.click_id, user_id=user, click_timestamp=at)

    def checkout(self, at: datetime, user: str) -> None:
        event = Checkout(at, f"k{len(self.checkouts):05d}", user)
        self.checkouts.append(event)
        self._put(
            "checkouts", user, checkout_id=event.checkout_id, user_id=user, checkout_timestamp=at,
            total_amount="1.00", currency="EUR",
        )  # fmt: skip

    def garbage(self, data: bytes) -> None:
        self.refused += 1
        self._client.put_record(StreamName="clicks", PartitionKey="garbage", Data=data)

    def again(self) -> None:
        """The last click once more, as a producer does that got no answer."""
        click = self.clicks[-1]
        self._put(
            "clicks", click.user_id, click_id=click.click_id, user_id=click.user_id,
            click_timestamp=click.click_timestamp,
        )  # fmt: skip

    def busy_hours(self, seed: int, events: int) -> None:
        """Few users, many ties, and arrival in no order, over three hours of event time."""
        chance = random.Random(seed)
        for _ in range(events):
            at = NOON + timedelta(minutes=chance.randrange(180), milliseconds=chance.choice([0, 0, 1]))
            user = f"user-{chance.randrange(20)}"
            if chance.random() < 0.25:
                self.checkout(at, user)
            else:
                self.click(at, user)

    def _put(self, stream: str, user: str, **event: Any) -> None:
        iso = {
            name: value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            for name, value in event.items()
            if isinstance(value, datetime)
        }
        self._client.put_record(StreamName=stream, PartitionKey=user, Data=json.dumps(event | iso).encode())


@pytest.fixture
def client(emulator: str) -> Iterator["KinesisClient"]:
    client = boto3.client("kinesis", endpoint_url=emulator)
    yield client
    for stream in client.list_streams()["StreamNames"]:
        client.delete_stream(StreamName=stream)


@pytest.fixture
def job(
    emulator: str, postgres: Server, database: str, tmp_path: Path
) -> Iterator[Callable[[Join], subprocess.Popen[bytes]]]:
    """Starts the job, again and again with one checkpoint; what still runs at the end is killed."""
    environment = os.environ | {
        "AWS_ENDPOINT_URL_KINESIS": emulator,
        "DATABASE_URL": postgres.url(database, "pipeline_writer"),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_DIRS": str(tmp_path / "spark"),
        "SPARK_CONF_DIR": str(PROJECT / "local" / "servers" / "spark"),
    }
    environment.pop("PYSPARK_SUBMIT_ARGS", None)
    command = [
        sys.executable, "-m", "runtime.attribution_job", "--clicks_stream", "clicks", "--checkouts_stream", "checkouts",
        "--region", aws.CREDENTIALS["AWS_REGION"], "--checkpoint", str(tmp_path / "checkpoint"),
        "--trigger_interval", "250 milliseconds",
    ]  # fmt: skip
    started: list[subprocess.Popen[bytes]] = []

    def start(join: Join) -> subprocess.Popen[bytes]:
        arguments = [*command, "--attribution_join", join]
        started.append(processes.start(arguments, environment=environment, log_file=tmp_path / "job.log"))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            processes.kill(process)
    shutil.rmtree(tmp_path, ignore_errors=True)


def wait_for(
    connection: psycopg.Connection, query: str, wanted: int, log: Path, process: subprocess.Popen[bytes]
) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    found = None
    while time.monotonic() < deadline:
        row = connection.execute(query.encode()).fetchone()
        found = row and row[0]
        if found == wanted:
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])[-3000:]
    pytest.fail(f"waited for {query} to give {wanted}, got {found}; the job (exit {process.poll()}) last said:\n{tail}")


@pytest.mark.parametrize(("join", "changed_to"), [("spark", None), ("postgres", "spark")])
def test_nothing_is_lost_doubled_or_wrong_through_disorder_a_kill_and_a_reshard(
    client: "KinesisClient",
    job: Callable[[Join], subprocess.Popen[bytes]],
    migrated: psycopg.Connection,
    tmp_path: Path,
    *,
    join: Join,
    changed_to: Join | None,
) -> None:
    log, shop = tmp_path / "job.log", Shop(client)
    received = (
        "select (select count(*) from raw_clicks) + (select count(*) from raw_checkouts)"
        " + (select count(*) from dead_letters)"
    )

    def all_there() -> int:
        return len(shop.clicks) + len(shop.checkouts) + shop.refused

    # One stream is idle, the other shows the edges of the window before what they belong to.
    for user, before in [
        ("on-edge", HOUR),
        ("beyond", HOUR + timedelta(milliseconds=1)),
        ("at-once", timedelta(0)),
    ]:
        shop.click(NOON + 4 * HOUR - before, user)
    shop.click(NOON + 4 * HOUR, "tie", "z-second")
    shop.click(NOON + 4 * HOUR, "tie", "a-first")
    shop.garbage(b"\x80 not an event")
    shop.garbage(b'{"click_id": "future", "user_id": "u", "click_timestamp": "2099-01-01T00:00:00.000Z"}')
    running = job(join)
    wait_for(migrated, received, all_there(), log, running)

    # The checkouts come, and the watermark passes 15:55.
    for user in ("on-edge", "beyond", "at-once", "tie"):
        shop.checkout(NOON + 4 * HOUR, user)
    shop.again()
    wait_for(migrated, received, all_there(), log, running)

    # All of this is late. The job dies with it half done, and a shard is split before it is back.
    shop.busy_hours(seed=1, events=150)
    time.sleep(0.6)
    processes.kill(running)
    client.split_shard(StreamName="clicks", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**126))
    shop.busy_hours(seed=2, events=150)
    running = job(join)
    wait_for(migrated, received, all_there(), log, running)

    # On time again, but first clicked when it was late.
    shop.click(NOON + 3.5 * HOUR, "late-click")
    wait_for(migrated, received, all_there(), log, running)
    shop.checkout(NOON + 4 * HOUR + timedelta(minutes=10), "late-click")
    wait_for(migrated, received, all_there(), log, running)

    running.terminate()
    assert running.wait(60) == 0, "SIGTERM ends the job cleanly"

    # The new query begins with the oldest records, and knows nothing of what the other did.
    if changed_to:
        shop.click(NOON + 3.4 * HOUR, "changed")
        shop.checkout(NOON + 4 * HOUR, "changed")
        running = job(changed_to)
        wait_for(migrated, received, all_there(), log, running)
        wait_for(migrated, REPLAYED, len(shop.clicks) + len(shop.checkouts) + 1, log, running)
        running.terminate()
        assert running.wait(60) == 0, "SIGTERM ends the job cleanly"

    credits: dict[str, str | None] = dict(
        migrated.execute("select checkout_id, click_id from attributed_checkouts").fetchall()
    )
    assert credits == first_clicks(shop.clicks, shop.checkouts)
    assert credits["k00001"] is None
    assert credits["k00003"] == "a-first"
    totals = migrated.execute(
        "select sum(clicks), sum(checkouts), sum(dead_letters), sum(late) >= 300 from batches"
    ).fetchone()
    assert totals == (len(shop.clicks), len(shop.checkouts), shop.refused, True)

    lines = [json.loads(line) for line in log.read_text(errors="replace").splitlines() if line.startswith("{")]
    batch = next(line for line in reversed(lines) if line["message"] == "batch")
    assert {
        "batch_ms",
        "watermark_lag_seconds",
        "state_rows",
        "dead_letters",
        "late",
        "clicks",
    } <= batch.keys()
    assert lines[-1]["message"] == "stopped"
    assert "user-" not in log.read_text(errors="replace"), "whose events these are is nobody's business"
