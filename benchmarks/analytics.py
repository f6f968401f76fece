"""The workloads *analytics* (refreshes and queries of a million checkouts) and *beside-refresh* (the job's latency)."""

import os
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from benchmarks import analytics_history, steady
from benchmarks.machine import BenchmarkError
from benchmarks.workload import DATABASE, PrintLine
from local.servers import postgres, processes
from local.servers.postgres import Server
from runtime.analytics.refresh import Outcome, refresh

CHECKOUTS, CLICKS = 1_000_000, 10_000_000
CALLS = 20
NEW_EVENTS = 1_000
REFRESHES = 5
# Much more often than on AWS, where the schedule invokes a refresh every five minutes.
REFRESH_EVERY_SECONDS = 10
BY_CHANNEL = """
select channel, sum(conversions), sum(net_revenue), sum(spend), sum(net_revenue) / nullif(sum(spend), 0)
  from channel_performance
 where model = 'position_based' and day > current_date - 90
 group by channel
"""
ALL_ROWS = "select * from channel_performance where day > current_date - 90"
CREDITED = "select model, sum(conversions) from channel_performance group by model"
STORED = "select count(*) from raw_checkouts where not test"


def analytics(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:  # noqa: ARG001
    """Measures the first refresh, refreshes after a thousand events, and queries.

    - `performance_p95_ms`: channel_performance of 90 days by channel, for one model, 20 calls as the analyst.
    - `refresh_seconds`: an incremental refresh after 1,000 new events, the median of five.
    """
    postgres.create_database(server, DATABASE)
    checkouts, clicks = int(CHECKOUTS * scale), int(CLICKS * scale)
    print_line(f"  storing {checkouts:,} checkouts and {clicks:,} clicks of 90 days")
    analytics_history.store(server.url(DATABASE), checkouts=checkouts, clicks=clicks)
    with psycopg.connect(server.url(DATABASE), autocommit=True) as connection:
        first = _timed_refresh(connection)
        print_line(f"  first refresh: {first:.0f} s")
        connection.execute("vacuum analyze")
        refreshes = []
        for turn in range(REFRESHES):
            analytics_history.add_events(connection, NEW_EVENTS, turn)
            refreshes.append(_timed_refresh(connection))
        print_line(f"  refresh after {NEW_EVENTS:,} events: {', '.join(f'{seconds:.2f}' for seconds in refreshes)} s")
        _check(connection)
    with psycopg.connect(server.url(DATABASE, "pipeline_analyst"), autocommit=True) as analyst:
        by_channel, all_rows = _call_times(analyst, BY_CHANNEL), _call_times(analyst, ALL_ROWS)
    result = {
        "checkouts": checkouts,
        "clicks": clicks,
        "first_refresh_seconds": first,
        "refreshes": refreshes,
        "refresh_seconds": statistics.median(refreshes),
        "performance_ms": by_channel,
        "performance_p95_ms": _p95(by_channel),
        "all_rows_p95_ms": _p95(all_rows),
    }
    print_line(
        f"  channel_performance over 90 days, p95 of {CALLS} calls: by channel {result['performance_p95_ms']:.0f} ms,"
        f" all rows {result['all_rows_p95_ms']:.0f} ms"
    )
    return result


def beside_refresh(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures the job's latency with and without refreshes.

    `p99_beside_refresh` is the p99 at 1,000 events/s with a refresh every ten seconds, divided by that without: each is
    the better of two runs.
    """
    runs: dict[str, dict[str, Any]] = {}
    # The runs alternate, because the machine's speed changes over time.
    for turn in (1, 2):
        for name, beside in (("alone", nullcontext), ("beside", lambda: _refreshing(server, folder))):
            run = runs[f"{name}, {turn}"] = steady.run_at_target_rate(server, folder, scale, beside)
            print_line(f"  {name}, {turn}: put to row p50 {run['p50_ms']:.0f} ms, p99 {run['p99_ms']:.0f} ms")
    alone, beside_refreshes = (
        min(run["p99_ms"] for key, run in runs.items() if key.startswith(name)) for name in ("alone", "beside")
    )
    return {"job": runs, "p99_beside_refresh": beside_refreshes / alone}


@contextmanager
def _refreshing(server: Server, folder: Path) -> Iterator[None]:
    """Refreshes repeatedly within the block, after a first refresh of the history.

    Raises:
        BenchmarkError: the process of the refreshes has ended.
    """
    url = server.url(DATABASE, "pipeline_analytics")
    with psycopg.connect(url, autocommit=True) as connection:
        _timed_refresh(connection)
    # Job, emulator and publisher use the same cores. On AWS the database has its own.
    options = ["--background", "--every", str(REFRESH_EVERY_SECONDS)]
    command = [sys.executable, "-m", "runtime.analytics", "refresh", *options]
    log = folder / "refresh.log"
    with processes.child(command, environment=os.environ | {"DATABASE_URL": url}, log_file=log) as process:
        yield
        if process.poll() is not None:
            raise BenchmarkError(f"the refreshes have ended: {log.read_text()[-1500:]}")


def _timed_refresh(connection: psycopg.Connection) -> float:
    began = time.monotonic()
    outcome: Outcome = refresh(connection)
    if not outcome.is_complete:
        raise BenchmarkError(f"the refresh did not complete: {outcome}")
    return time.monotonic() - began


def _check(connection: psycopg.Connection) -> None:
    """Compares the credited checkouts of every model with the stored ones."""
    (stored,) = connection.execute(STORED).fetchone() or (0,)
    credited: dict[str, Any] = dict(connection.execute(CREDITED).fetchall())
    if len(credited) != 10 or any(total != stored for total in credited.values()):
        raise BenchmarkError(f"{stored:,} checkouts are stored, and credited are {credited}")


def _call_times(connection: psycopg.Connection, query: LiteralString) -> list[float]:
    """Returns the times of the calls in milliseconds, after one that is not measured."""
    times = []
    for _ in range(CALLS + 1):
        began = time.monotonic()
        connection.execute(query).fetchall()
        times.append(1000 * (time.monotonic() - began))
    return times[1:]


def _p95(times: list[float]) -> float:
    return sorted(times)[round(0.95 * len(times)) - 1]
