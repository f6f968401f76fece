"""One-second batches on 65 minutes of history: from the put of an event to the commit of its row."""

import json
import random
import shutil
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import psycopg

from benchmarks import history
from benchmarks.events import event
from benchmarks.machine import SPARKS, CompetitorError
from local.cloud import emulator
from local.pipeline import waiting
from local.servers import class_archive, java, postgres
from local.servers.job import Job, environment
from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join
from runtime.data_generator.events import Stream
from runtime.data_generator.publishing import publish
from runtime.data_generator.simulation import Record

Say = Callable[[str], None]
DATABASE = "bench"
HISTORY_MINUTES = 65
USERS = 50_000
# The rate of the demo.
SPARK_RATE = 100
PUT_AT_ONCE = 5_000
# The history in a few batches: Spark 4.1 goes through all of its state in each.
RECORDS_PER_BATCH = 100_000
# Java compiles what it runs often, for about so long; a smaller scale is for trying things out.
WARM_UP_SECONDS = 40
LEAST_WARM_UP_SECONDS = 25
MEASURED_SECONDS = 30
# What is promised is of this rate.
PROMISED_RATE, PROMISE_MEASURED_SECONDS = 1000, 60
LEAST_MEASURED_SECONDS = 10
# The publisher's pace: a tenth of a second's events at a time.
TICK = 0.1
PERCENTILES = """
select percentile_cont(array[0.5, 0.99]) within group (
           order by extract(epoch from b.committed_at - r.arrived_at) * 1000),
       count(*)
  from (select arrived_at, ingested_at from raw_clicks union all select arrived_at, ingested_at from raw_checkouts) r
  join batches b on b.began_at = r.ingested_at
 where r.arrived_at between %(from)s and %(to)s
"""
STORED = "select coalesce(sum(clicks + checkouts), 0)::bigint from batches"
# Every credit again, by the rule's own words.
WRONG = """
select count(*)
  from attributed_checkouts a
  left join lateral (
       select click_id from raw_clicks c
        where c.user_id = a.user_id
          and c.click_timestamp between a.checkout_timestamp - interval '1 hour' and a.checkout_timestamp
        order by click_timestamp, click_id limit 1) first on true
 where a.click_id is distinct from first.click_id
"""


def steady(server: Server, folder: Path, scale: float, say: Say) -> dict[str, Any]:
    """Three rates with their history; then 1,000 events/s with little history, for how a batch grows with it; and
    Spark's join at a rate that it carries.
    """
    result: dict[str, Any] = {"rates": {}}
    for rate in (PROMISED_RATE, 500, 5000):
        clicks = int(rate * HISTORY_MINUTES * 60 * scale)
        result["rates"][str(rate)] = _attempt(server, folder, say, rate=rate, clicks=clicks, scale=scale)
    little = _attempt(server, folder, say, rate=PROMISED_RATE, clicks=int(400_000 * scale), scale=scale)
    result["little_history"] = little
    clicks = int(SPARK_RATE * HISTORY_MINUTES * 60 * scale)
    result["spark"] = {
        version: _attempt(server, folder, say, version=version, rate=SPARK_RATE, clicks=clicks, scale=scale)
        for version in SPARKS
    }
    much = result["rates"][str(PROMISED_RATE)]
    result["p99_ms"] = much["p99_ms"]
    result["batch_growth"] = much["batch_ms"] / little["batch_ms"]
    return result


def _attempt(
    server: Server, folder: Path, say: Say, *, rate: int, clicks: int, scale: float, version: str | None = None
) -> dict[str, Any]:
    """With the join in that version of Spark, if one is given."""
    say(f"  join in {f'spark {version}' if version else 'postgres'}, {rate:,} events/s with {clicks:,} clicks before")
    run = {"rate": rate} | _run(server, folder, rate=rate, clicks=clicks, scale=scale, version=version)
    say(f"    put to row p50 {run['p50_ms']:.0f} ms, p99 {run['p99_ms']:.0f} ms; batch {run['batch_ms']:.0f} ms")
    return run


def _run(server: Server, folder: Path, *, rate: int, clicks: int, scale: float, version: str | None) -> dict[str, Any]:
    join: Join = "spark" if version else "postgres"
    python = SPARKS[version or "4.1"]
    postgres.create_database(server, DATABASE)
    if join == "postgres":
        history.store(server.url(DATABASE), clicks, minutes=HISTORY_MINUTES, users=USERS)
    scratch = folder / "steady"
    shutil.rmtree(scratch, ignore_errors=True)
    with emulator.running(folder / "emulator.log") as url:
        kinesis = boto3.client(
            "kinesis", endpoint_url=url, region_name="us-east-1",
            aws_access_key_id=emulator.CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=emulator.CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )  # fmt: skip
        streams: dict[Stream, str] = {"clicks": "bench-clicks", "checkouts": "bench-checkouts"}
        for name in streams.values():
            kinesis.create_stream(StreamName=name, ShardCount=2)
        spark = environment(
            java_home=java.ensure(), java_options=class_archive.java_options(), scratch=scratch / "spark"
        )
        database = {"DATABASE_URL": server.url(DATABASE, "pipeline_writer")}
        endpoints = {"AWS_ENDPOINT_URL_KINESIS": url, "PYSPARK_PYTHON": str(python)}
        variables = spark | database | emulator.CREDENTIALS | endpoints
        job = Job(_arguments(streams, scratch, join), variables, folder / "job.log", python=python)
        before = _publish_history(kinesis, streams, rate, clicks) if join == "spark" else 0
        job.start()
        try:
            _wait(server, before, job)
            measured = _publish(kinesis, streams, rate, scale, job)
            _wait(server, before + measured.published, job)
            return _measured(server, folder / "job.log", measured)
        finally:
            job.stop()


def _publish_history(kinesis: Any, streams: dict[Stream, str], rate: int, clicks: int) -> int:
    """Spark's state comes from events alone: puts those of the time before, as fast as it goes; returns how many."""
    chance = random.Random(7)  # noqa: S311 - a shop, not a secret
    count, now = clicks * 11 // 10, datetime.now(UTC)
    for first in range(0, count, PUT_AT_ONCE):
        numbers = range(first, min(first + PUT_AT_ONCE, count))
        publish(
            kinesis, streams, [_record(chance, n, now - timedelta(seconds=(count - n) / rate)) for n in numbers], 300
        )
    return count


def _arguments(streams: dict[Stream, str], scratch: Path, join: Join) -> list[str]:
    return [
        "--clicks_stream", streams["clicks"], "--checkouts_stream", streams["checkouts"], "--region", "us-east-1",
        "--checkpoint", str(scratch / "checkpoint"), "--attribution_join", join,
        "--trigger_interval", "100 milliseconds", "--records_per_batch", str(RECORDS_PER_BATCH),
    ]  # fmt: skip


class Measured(NamedTuple):
    start: datetime
    end: datetime
    published: int


def _publish(kinesis: Any, streams: dict[Stream, str], rate: int, scale: float, job: Job) -> Measured:
    """Puts `rate` events a second; the time that is measured begins when the job is warm and has written a batch."""
    chance = random.Random(6)  # noqa: S311 - a shop, not a secret
    began, sent = time.monotonic(), 0
    # A history that came through the job has warmed it.
    warm = began + (LEAST_WARM_UP_SECONDS if job.log.batch else max(LEAST_WARM_UP_SECONDS, WARM_UP_SECONDS * scale))
    seconds = PROMISE_MEASURED_SECONDS if rate == PROMISED_RATE else MEASURED_SECONDS
    measured = max(LEAST_MEASURED_SECONDS, seconds * scale)
    start = datetime.now(UTC)
    while (now := time.monotonic()) < warm + measured:
        job.check()
        if now < warm or job.log.batch is None:
            start, warm = datetime.now(UTC), max(warm, now)
        due = int((now - began) * rate)
        publish(kinesis, streams, [_record(chance, number, datetime.now(UTC)) for number in range(sent, due)], 30)
        sent = due
        time.sleep(TICK)
    return Measured(start, datetime.now(UTC), sent)


def _record(chance: random.Random, number: int, at: datetime) -> Record:
    sale = number % 11 == 0
    user = f"user-{chance.randrange(USERS):07d}"
    data = json.dumps(event(chance, at, user, sale=sale), separators=(",", ":")).encode()
    return Record("checkouts" if sale else "clicks", user, data, late=False, defect=None)


def _wait(server: Server, published: int, job: Job) -> None:
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:

        def stored() -> int:
            return int((connection.execute(STORED).fetchone() or (0,))[0])

        if not waiting.wait_until_stored(published, stored, job.check, lambda _: None):
            raise CompetitorError(f"{stored():,} of {published:,} events were stored; {job.where_to_look()}")


def _measured(server: Server, log: Path, measured: Measured) -> dict[str, Any]:
    with psycopg.connect(server.url(DATABASE)) as connection:
        times = {"from": measured.start, "to": measured.end}
        (p50, p99), rows = connection.execute(PERCENTILES, times).fetchone() or ((0, 0), 0)
        wrong = (connection.execute(WRONG).fetchone() or (0,))[0]
    if wrong:
        raise AssertionError(f"{wrong} checkouts have another credit than the rule gives them")
    batches = _batch_times(log, measured.start)
    return {"p50_ms": p50, "p99_ms": p99, "rows": rows, "batches": len(batches), "batch_ms": statistics.median(batches)}


def _batch_times(log: Path, start: datetime) -> list[int]:
    lines = (json.loads(line) for line in log.read_text(errors="replace").splitlines() if line.startswith('{"'))
    return [
        line["batch_ms"]
        for line in lines
        if line.get("message") == "batch" and datetime.fromisoformat(line["timestamp"]) > start
    ]
