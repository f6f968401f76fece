"""Measured runs over event files: the job with both joins, Flink, DuckDB, and a bare COPY."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import events, like_for_like
from benchmarks.credit_check import check_credits, query_number, stored_credits
from benchmarks.machine import BENCHMARKS_PYTHON, POSTGRES, cpu_seconds, measure
from benchmarks.workload import DATABASE, PrintLine
from local.servers import class_archive, java, job, postgres
from local.servers.job_log import fields
from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join

# In addition to the settings of the job on one machine, for large batches. Java's optimizing compiler, which those
# settings turn off, would take as much time as the job itself.
SUBMIT = "--driver-memory 1500m"
# Spark's join calculates with rows: generated Java, as on Glue, takes a fifth off the time of its run.
SUBMIT_JOIN = "--conf spark.sql.codegen.wholeStage=true --conf spark.sql.codegen.factoryMode=FALLBACK"
# Large batches update each user's row less often.
FILES_PER_BATCH = 16
EVENTS_PER_FILE = 27_500


def make_events(
    shape: events.Shape, folder: Path, print_line: PrintLine, *, shards: bool = True
) -> tuple[Path, dict[str, Any]]:
    """Writes the event files.

    Returns:
        Their folder; and the number of events and DuckDB's credits, as the truth that runs are compared with.
    """
    data = folder / "events"
    shutil.rmtree(data, ignore_errors=True)
    print_line(f"  writing {shape.events:,} events")
    events.write(data, shape, files=max(4, shape.events // EVENTS_PER_FILE), shards=events.SHARDS if shards else 0)
    truth = measure([BENCHMARKS_PYTHON, "-m", "benchmarks.duckdb_limit", data], folder / "duckdb.log")
    print_line(f"  duckdb: {describe_run(shape, truth)}")
    return data, truth | {"events": shape.events}


def run_ours(
    server: Server,
    data: Path,
    join: Join,
    truth: dict[str, Any],
    folder: Path,
    *,
    files_per_batch: int | None = None,
    writers: int = 1,
    check: bool = True,
    watch: Callable[[Path], None] = lambda _: None,
) -> dict[str, Any]:
    """Runs the job over the files into a new database, and returns its time, credits and sizes.

    `watch` is called with the job's log during the run. Without `check`, wrong credits are no error.

    Raises:
        BenchmarkError: the job failed.
        AssertionError: the credits are wrong.
    """
    options = ["--files_per_batch", str(files_per_batch or FILES_PER_BATCH), "--writers", str(writers)]
    options += ["--events", str(truth["events"])]
    run = run_job(server, data, join, folder, options, watch=watch)
    clicks = query_number(server, "select count(*) from raw_clicks")
    database_bytes = query_number(server, "select pg_database_size(current_database())")
    run["database_mb_per_million_clicks"] = round(database_bytes / clicks, 1)
    if join == "spark":
        run |= _largest_state(folder / "ours.log")
    if check:
        check_credits(run, truth)
    return run


def run_job(
    server: Server,
    source: object,
    join: Join,
    folder: Path,
    options: list[str],
    *,
    variables: dict[str, str] | None = None,
    watch: Callable[[Path], None] = lambda _: None,
) -> dict[str, Any]:
    """Runs `benchmarks.ours` over a source into a new database, and returns its time and credits.

    Raises:
        BenchmarkError: the job failed.
    """
    postgres.create_database(server, DATABASE)
    scratch = folder / "spark"
    shutil.rmtree(scratch, ignore_errors=True)
    home = java.ensure()
    spark = job.environment(java_home=home, java_options=class_archive.java_options(), scratch=scratch / "tmp")
    command: list[object] = [sys.executable, "-m", "benchmarks.ours", source, server.url(DATABASE, "pipeline_writer")]
    command += [join, "--checkpoint", scratch / "checkpoint", *options]
    submit = f"{SUBMIT} {SUBMIT_JOIN if join == 'spark' else ''} {spark['PYSPARK_SUBMIT_ARGS']}"
    environment = spark | {"PYSPARK_SUBMIT_ARGS": submit} | (variables or {})
    postgres_seconds = cpu_seconds(POSTGRES)
    run = measure(command, folder / "ours.log", environment, watch=watch)
    run["cpu_seconds"] += cpu_seconds(POSTGRES) - postgres_seconds
    return run | stored_credits(server)


def _largest_state(log: Path) -> dict[str, Any]:
    """Returns the size of Spark's state after the batch with the most rows in state."""
    batches = [batch for line in log.read_bytes().splitlines() if (batch := fields(line)) and "state_rows" in batch]
    largest = max(batches, key=lambda batch: int(batch["state_rows"]))
    return {
        "state_rows": largest["state_rows"],
        "state_mb_per_million_rows": round(largest["state_bytes"] / largest["state_rows"], 1),
    }


def run_flink_with_copy(server: Server, data: Path, state: str, truth: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Runs Flink and copies its rows and credits into a new database. Returns its time and credits.

    Raises:
        BenchmarkError: Flink failed.
        AssertionError: the credits are wrong.
    """
    postgres.create_database(server, DATABASE)
    scratch = _empty_folder(folder / "flink")
    run = like_for_like.run(data, state, server.url(DATABASE), scratch)
    run |= stored_credits(server)
    check_credits(run, truth)
    return run


def run_flink(data: Path, state: str, folder: Path) -> dict[str, Any]:
    """Runs Flink without storing its results, and returns its time.

    Raises:
        BenchmarkError: Flink failed.
    """
    scratch = _empty_folder(folder / "flink")
    command: list[object] = [
        BENCHMARKS_PYTHON,
        "-m",
        "benchmarks.flink",
        data / "shards",
        state,
        "--checkpoints",
        scratch / "checkpoints",
    ]
    return measure(command, folder / "flink.log")


def run_without_framework(
    server: Server, data: Path, truth: dict[str, Any], folder: Path, *, writers: int
) -> dict[str, Any]:
    """Runs the job's parser and sink without Spark into a new database, and returns its time and credits.

    Raises:
        BenchmarkError: the run failed.
        AssertionError: the credits are wrong.
    """
    postgres.create_database(server, DATABASE)
    command: list[object] = [sys.executable, "-m", "benchmarks.no_framework", data]
    command += [server.url(DATABASE, "pipeline_writer"), "--writers", str(writers)]
    run = measure(command, folder / "no_framework.log")
    run |= stored_credits(server)
    check_credits(run, truth)
    return run


def run_bare_copy(server: Server) -> dict[str, Any]:
    """Copies the raw rows of the last run into another database, and returns the time."""
    postgres.create_database(server, f"{DATABASE}_copy")
    try:
        copy_url = server.url(f"{DATABASE}_copy")
        return {"seconds": like_for_like.bare_copy(copy_url, server.url(DATABASE))}
    finally:
        postgres.drop_database(server, f"{DATABASE}_copy")


def describe_run(shape: events.Shape, run: dict[str, Any]) -> str:
    """Returns a run's time and rate, or its error, as text."""
    if "error" in run:
        return f"failed: {run['error'][-300:]}"
    return f"{run['seconds']:.1f} s, {shape.events / run['seconds']:,.0f} events/s (load {os.getloadavg()[0]:.1f})"


def _empty_folder(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
