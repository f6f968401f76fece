"""The whole job as a process, with the emulator's Kinesis, a real PostgreSQL and SIGKILL."""

import json
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from local.servers import processes
from runtime.attribution_job.join.rule import Join
from tests.oracle import first_clicks
from tests.runtime.attribution_job.job_process import StartJob, wait_for
from tests.runtime.attribution_job.shop import NOON, Shop

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

HOUR = timedelta(hours=1)
STORED_ROWS = """
select (select count(*) from raw_clicks) + (select count(*) from raw_checkouts) + (select count(*) from dead_letters)
"""
# Events that the newest query has read, duplicates included.
READ_BY_NEWEST_QUERY = """
select sum(clicks + checkouts + duplicates)::int from batches
 where query_id = (select query_id from batches order by began_at desc limit 1)
"""


@pytest.mark.parametrize(
    ("join", "writers", "next_join"), [("spark", ("1", "1"), None), ("postgres", ("3", "2"), "spark")]
)
def test_the_tables_stay_correct_through_disorder_a_kill_and_a_reshard(
    client: "KinesisClient",
    job: StartJob,
    migrated: psycopg.Connection,
    tmp_path: Path,
    *,
    join: Join,
    writers: tuple[str, str],
    next_join: Join | None,
) -> None:
    """The number of writers changes with the restart after the kill."""
    log, shop = tmp_path / "job.log", Shop(client)

    def wait_until_stored(process: subprocess.Popen[bytes]) -> None:
        wait_for(migrated, STORED_ROWS, shop.expected_rows, log, process)

    # Clicks at the edges of the window arrive before their checkouts, while the stream of checkouts is idle.
    for user, age in [
        ("on-edge", HOUR),
        ("beyond", HOUR + timedelta(milliseconds=1)),
        ("at-once", timedelta(0)),
    ]:
        shop.click(NOON + 4 * HOUR - age, user)
    shop.click(NOON + 4 * HOUR, "tie", "z-second")
    shop.click(NOON + 4 * HOUR, "tie", "a-first")
    shop.invalid_record(b"\x80 not an event")
    shop.invalid_record(b'{"click_id": "no zone", "user_id": "u", "click_timestamp": "2099-01-01T00:00:00.000"}')
    running = job(join, "--writers", writers[0])
    wait_until_stored(running)

    # The checkouts arrive and move the watermark to 15:55.
    for user in ("on-edge", "beyond", "at-once", "tie"):
        shop.checkout(NOON + 4 * HOUR, user)
    shop.repeat_last_click()
    wait_until_stored(running)

    # All of these events are late. The job is killed while it reads them, and a shard is split before the restart.
    shop.busy_hours(seed=1, events=150)
    time.sleep(0.6)
    processes.kill(running)
    client.split_shard(StreamName="clicks", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**126))
    shop.busy_hours(seed=2, events=150)
    running = job(join, "--writers", writers[1])
    wait_until_stored(running)

    # The click is late, its checkout is punctual.
    shop.click(NOON + 3.5 * HOUR, "late-click")
    wait_until_stored(running)
    shop.checkout(NOON + 4 * HOUR + timedelta(minutes=10), "late-click")
    wait_until_stored(running)

    # An idle job writes no checkpoint files, which would cost requests to S3. The last batch's files follow its rows.
    time.sleep(1)
    offsets = sorted((tmp_path / "checkpoint").glob("*/*/offsets/[0-9]*"))
    time.sleep(1.5)
    assert sorted((tmp_path / "checkpoint").glob("*/*/offsets/[0-9]*")) == offsets != []

    running.terminate()
    assert running.wait(60) == 0, "SIGTERM ends the job cleanly"

    # With another join, a new query reads the streams from their oldest records.
    if next_join:
        shop.click(NOON + 3.4 * HOUR, "moved")
        shop.checkout(NOON + 4 * HOUR, "moved")
        running = job(next_join)
        wait_until_stored(running)
        wait_for(migrated, READ_BY_NEWEST_QUERY, len(shop.clicks) + len(shop.checkouts) + 1, log, running)
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
    assert totals == (len(shop.clicks), len(shop.checkouts), shop.invalid_records, True)

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
    assert "user-" not in log.read_text(errors="replace"), "the log must not contain user ids"
