"""The *bulk* and *hot* workloads: event files processed as fast as possible, by the job and by its competitors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.events import Shape
from benchmarks.file_runs import (
    describe_run,
    make_events,
    run_bare_copy,
    run_flink,
    run_flink_with_copy,
    run_ours,
    run_without_framework,
)
from benchmarks.machine import BenchmarkError
from benchmarks.pathway import run_pathway
from benchmarks.workload import PrintLine
from local.servers.postgres import Server

# One for each of the two cores, as for each vCPU of prod's database. The peers use both cores too.
WRITERS = 2


def bulk(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures the job, Flink and the machine's limits over the same files, and the ratios of their times.

    A failed run has its error in place of its time.
    """
    shape = Shape(clicks=int(1e6 * scale), checkouts=int(1e5 * scale), users=50_000, hours=4)
    data, truth = make_events(shape, folder, print_line)
    result: dict[str, Any] = {"events": shape.events, "truth": truth, "runs": {}}

    def attempt(name: str, run: Callable[[], dict[str, Any]]) -> None:
        try:
            result["runs"][name] = run()
        except (BenchmarkError, psycopg.Error, AssertionError) as error:
            result["runs"][name] = {"error": str(error)}
        print_line(f"  {name}: {describe_run(shape, result['runs'][name])}")

    # The compared runs alternate, because the machine's speed changes over time.
    for turn in (1, 2):
        attempt(f"ours, {turn}", lambda: run_ours(server, data, "postgres", truth, folder, writers=WRITERS))
        attempt(f"ours with one writer, {turn}", lambda: run_ours(server, data, "postgres", truth, folder))
        attempt(f"spark's join with one writer, {turn}", lambda: run_ours(server, data, "spark", truth, folder))
        attempt(
            f"flink, hashmap, to files and copied, {turn}",
            lambda: run_flink_with_copy(server, data, "hashmap", truth, folder),
        )
        attempt(f"flink, hashmap, to nowhere, {turn}", lambda: run_flink(data, "hashmap", folder))
        attempt(f"pathway, {turn}", lambda: run_pathway(server, data, truth, folder, events=shape.events))
        attempt(f"no framework, {turn}", lambda: run_without_framework(server, data, truth, folder, writers=WRITERS))
    attempt("flink, rocksdb, to nowhere", lambda: run_flink(data, "rocksdb", folder))
    attempt("bare copy of raw rows", lambda: run_bare_copy(server))
    result["runs"]["duckdb, whole files"] = {"seconds": truth["seconds"]}
    ours = _best_seconds(result, "ours, ")
    for key, competitor in (
        ("ratio_like_for_like", "flink, hashmap, to files"),
        ("ratio_vs_flink_blackhole", "flink, hashmap, to nowhere"),
        ("ratio_vs_pathway", "pathway"),
        ("ratio_vs_no_framework", "no framework"),
        ("writer_scaling", "ours with one writer"),
    ):
        result[key] = _ratio(_best_seconds(result, competitor), ours)
    one_writer, in_spark = _best_seconds(result, "ours with one writer"), _best_seconds(result, "spark's join")
    result["spark_bulk"] = _ratio(one_writer, in_spark)
    result["serial_share"] = _serial_share(result, "ours, ")
    return result


def hot(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures the job and Flink over files in which one user makes 5 % of the clicks."""
    shape = Shape(clicks=int(1e6 * scale), checkouts=int(1e5 * scale), users=50_000, hours=4, bot_share=0.05)
    data, truth = make_events(shape, folder, print_line)
    result: dict[str, Any] = {"events": shape.events, "truth": truth, "runs": {}}
    result["runs"]["ours, join in postgres"] = run_ours(server, data, "postgres", truth, folder)
    result["runs"]["flink, hashmap, to nowhere"] = run_flink(data, "hashmap", folder)
    for name, run in result["runs"].items():
        print_line(f"  {name}: {describe_run(shape, run)}")
    return result


def _serial_share(result: dict[str, Any], name: str) -> float | None:
    """Returns the least share of CPU time that only one thread can spend, of the runs whose names start with `name`."""
    runs = (run for run_name, run in result["runs"].items() if run_name.startswith(name))
    return min((run["serial_seconds"] / run["cpu_seconds"] for run in runs if "seconds" in run), default=None)


def _ratio(seconds: float | None, others: float | None) -> float | None:
    return seconds / others if seconds and others else None


def _best_seconds(result: dict[str, Any], name: str) -> float | None:
    """Returns the shortest time of the runs whose names start with `name`, or None if all of them failed."""
    runs = (run for run_name, run in result["runs"].items() if run_name.startswith(name))
    return min((float(run["seconds"]) for run in runs if "seconds" in run), default=None)
