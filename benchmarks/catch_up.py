"""The *catch-up* workload: six hours of events from files, some of them late."""

import functools
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.events import Shape
from benchmarks.file_runs import describe_run, make_events, run_ours
from benchmarks.machine import Memory
from benchmarks.workload import DATABASE, PrintLine
from local.servers.job_log import fields
from local.servers.postgres import Server

# More than in *bulk*, because this workload has four times the users.
FILES_PER_BATCH = 24


def catch_up(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures the job's time, memory and uncorrected late events over six hours at 500 events/s."""
    total = int(10_800_000 * scale)
    shape = Shape(clicks=total * 10 // 11, checkouts=total // 11, users=200_000, hours=6, late_every=1000)
    data, truth = make_events(shape, folder, print_line, shards=False)
    with Memory.watched() as memory:
        run = run_ours(
            server, data, "postgres", truth, folder, files_per_batch=FILES_PER_BATCH, check=False,
            watch=functools.partial(_print_stored, print_line),
        )  # fmt: skip
    with psycopg.connect(server.url(DATABASE)) as connection:
        late = connection.execute("select sum(late)::bigint from batches").fetchone()
    result = {"events": shape.events, "truth": truth, "run": run, "late": late and late[0]}
    # DuckDB applies the rule to all events whatever their age, so each wrong credit is an uncorrected late event.
    result["uncorrected_late"] = (
        0 if run["digest"] == truth["digest"] else abs(run["credited"] - truth["credited"]) or 1
    )
    result["peak_rss_mb"] = round(memory.peak_mb)
    print_line(f"  {describe_run(shape, run)}; {result['late']} late, {result['uncorrected_late']} of them uncorrected")
    return result


def _print_stored(print_line: PrintLine, log: Path) -> None:
    batches = (fields(line) for line in log.read_bytes().splitlines())
    stored = sum(batch.get("clicks", 0) + batch.get("checkouts", 0) for batch in batches)
    print_line(f"    {stored:,} events stored")
