"""The *steady* workload: latency from the put of an event to the commit of its row, with 65 minutes of history."""

import json
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import history
from benchmarks.steady_load import TARGET_RATE, USERS, MeasuredPeriod, publish_history, publish_steadily
from benchmarks.streamed import STREAMS, streamed_job, wait_until_stored
from benchmarks.workload import DATABASE, PrintLine
from local.servers import postgres
from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join

HISTORY_MINUTES = 65
LONG_HISTORY_DAYS = 8
# Clicks of each user before a run beside refreshes, as in a visit of a shop. A refresh works longer on longer paths.
CLICKS_PER_USER = 10
LATENCY_PERCENTILES = """
select percentile_cont(array[0.5, 0.99]) within group (
           order by extract(epoch from b.committed_at - r.arrived_at) * 1000),
       count(*)
  from (select arrived_at, ingested_at from raw_clicks union all select arrived_at, ingested_at from raw_checkouts) r
  join batches b on b.began_at = r.ingested_at
 where r.arrived_at between %(from)s and %(to)s
"""
# Recomputes every credit with the attribution rule.
WRONG_CREDITS = """
select count(*)
  from attributed_checkouts a
  left join lateral (
       select click_id from raw_clicks c
        where c.user_id = a.user_id
          and c.click_timestamp between a.checkout_timestamp - interval '1 hour' and a.checkout_timestamp
        order by click_timestamp, click_id limit 1) first on true
 where a.click_id is distinct from first.click_id
"""


def steady(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures the latency at several rates, with the join in PostgreSQL.

    - Three rates with 65 minutes of history.
    - The target rate with little history, and with 20 million clicks of eight days, for the growth of the batch time
      with the history.
    """
    result: dict[str, Any] = {"rates": {}}
    for rate in (TARGET_RATE, 500, 5000):
        clicks = int(rate * HISTORY_MINUTES * 60 * scale)
        result["rates"][str(rate)] = _measure_rate(server, folder, print_line, rate=rate, clicks=clicks, scale=scale)
    little_history = _measure_rate(
        server, folder, print_line, rate=TARGET_RATE, clicks=int(400_000 * scale), scale=scale
    )
    result["little_history"] = little_history
    result["long_history"] = _measure_rate(
        server, folder, print_line, rate=TARGET_RATE, clicks=int(20_000_000 * scale), scale=scale,
        minutes=LONG_HISTORY_DAYS * 24 * 60,
    )  # fmt: skip
    result["history_growth"] = result["long_history"]["batch_ms"] / little_history["batch_ms"]
    full_history = result["rates"][str(TARGET_RATE)]
    result["p99_ms"] = full_history["p99_ms"]
    result["p99_ms_5000"] = result["rates"]["5000"]["p99_ms"]
    result["batch_growth"] = full_history["batch_ms"] / little_history["batch_ms"]
    return result


def spark_state(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures the latency at the target rate with the join in Spark and 65 minutes of state."""
    clicks = int(TARGET_RATE * HISTORY_MINUTES * 60 * scale)
    run = _measure_rate(server, folder, print_line, join="spark", rate=TARGET_RATE, clicks=clicks, scale=scale)
    return run | {"spark_p99_ms": run["p99_ms"]}


def run_at_target_rate(
    server: Server, folder: Path, scale: float, beside: Callable[[], AbstractContextManager[None]]
) -> dict[str, Any]:
    """Measures the target rate after 65 minutes of history, with the join in PostgreSQL and `beside` running."""
    clicks = int(TARGET_RATE * HISTORY_MINUTES * 60 * scale)
    users = clicks // CLICKS_PER_USER
    return _run(server, folder, rate=TARGET_RATE, clicks=clicks, users=users, scale=scale, beside=beside)


def _measure_rate(
    server: Server,
    folder: Path,
    print_line: PrintLine,
    *,
    rate: int,
    clicks: int,
    scale: float,
    join: Join = "postgres",
    minutes: int = HISTORY_MINUTES,
) -> dict[str, Any]:
    """Measures one rate after `clicks` clicks in `minutes`."""
    print_line(f"  join in {join}, {rate:,} events/s after a history of {clicks:,} clicks")
    figures = _run(server, folder, rate=rate, clicks=clicks, scale=scale, join=join, minutes=minutes)
    run = {"rate": rate} | figures
    print_line(f"    put to row p50 {run['p50_ms']:.0f} ms, p99 {run['p99_ms']:.0f} ms; batch {run['batch_ms']:.0f} ms")
    return run


def _run(
    server: Server,
    folder: Path,
    *,
    rate: int,
    clicks: int,
    scale: float,
    join: Join = "postgres",
    users: int = USERS,
    minutes: int = HISTORY_MINUTES,
    beside: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> dict[str, Any]:
    postgres.create_database(server, DATABASE)
    if join == "postgres":
        history.store(server.url(DATABASE), clicks, minutes=minutes, users=users)
    with streamed_job(server, folder, join) as (kinesis, job, log):
        history_events = publish_history(kinesis, STREAMS, rate, clicks) if join == "spark" else 0
        job.start()
        wait_until_stored(server, history_events, job)
        with beside():
            period = publish_steadily(kinesis, STREAMS, rate, scale, job, users=users)
        wait_until_stored(server, history_events + period.published, job)
        return _figures(server, log, period)


def _figures(server: Server, log: Path, period: MeasuredPeriod) -> dict[str, Any]:
    """Returns the latencies and the median batch time of the period.

    Raises:
        AssertionError: a credit is wrong.
    """
    with psycopg.connect(server.url(DATABASE)) as connection:
        times = {"from": period.start, "to": period.end}
        (p50, p99), rows = connection.execute(LATENCY_PERCENTILES, times).fetchone() or ((0, 0), 0)
        wrong = (connection.execute(WRONG_CREDITS).fetchone() or (0,))[0]
    if wrong:
        raise AssertionError(f"{wrong} checkouts have another credit than the attribution rule gives")
    batches = _batch_times(log, period.start)
    return {"p50_ms": p50, "p99_ms": p99, "rows": rows, "batches": len(batches), "batch_ms": statistics.median(batches)}


def _batch_times(log: Path, start: datetime) -> list[int]:
    """Returns the times, in milliseconds, of the batches that the job logged after `start`."""
    lines = (json.loads(line) for line in log.read_text(errors="replace").splitlines() if line.startswith('{"'))
    return [
        line["batch_ms"]
        for line in lines
        if line.get("message") == "batch" and datetime.fromisoformat(line["timestamp"]) > start
    ]
