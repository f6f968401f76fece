"""Whole files, as fast as it goes: ours with both joins, Flink, and the limits; *bulk*, *hot* and *catch-up*."""

import functools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import events, like_for_like
from benchmarks.machine import OTHER_PYTHON, CompetitorError, Memory, measure
from local.servers import class_archive, java, job, postgres
from local.servers.job_log import fields
from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join

Say = Callable[[str], None]
DATABASE = "bench"
# For throughput: Java's optimizing compiler, generated code, and files cut so that both cores have some of each batch.
SUBMIT = (
    "--master local[2] --conf spark.driver.memory=1500m --conf spark.ui.enabled=false"
    " --conf spark.ui.showConsoleProgress=false --conf spark.driver.bindAddress=127.0.0.1"
    " --conf spark.sql.files.maxPartitionBytes=8m pyspark-shell"
)
# Large batches change a user's row less often; the join of Spark needs memory for what it joins besides.
FILES_PER_BATCH: dict[Join, int] = {"spark": 4, "postgres": 16}
# With four times the users.
FILES_PER_BATCH_OF_CATCH_UP = 32
EVENTS_PER_FILE = 27_500
FOUND = """
select count(*), count(click_id),
       md5(string_agg(checkout_id || ':' || coalesce(click_id, ''), ',' order by checkout_id))
  from attributed_checkouts
"""


def bulk(server: Server, folder: Path, scale: float, say: Say) -> dict[str, Any]:
    shape = events.Shape(clicks=int(1e6 * scale), checkouts=int(1e5 * scale), users=50_000, hours=4)
    data, truth = _make(shape, folder, say)
    result: dict[str, Any] = {"events": shape.events, "truth": truth, "runs": {}}

    def attempt(name: str, run: Callable[[], dict[str, Any]]) -> None:
        try:
            result["runs"][name] = run()
        except (CompetitorError, psycopg.Error, AssertionError) as error:
            result["runs"][name] = {"error": str(error)}
        say(f"  {name}: {_told(shape, result['runs'][name])}")

    # Taken in turns, because the machine's pace changes.
    for turn in (1, 2):
        attempt(f"ours, join in postgres, {turn}", lambda: _ours(server, data, "postgres", truth, folder))
        attempt(f"flink, hashmap, to files and copied, {turn}", lambda: _copied(server, data, "hashmap", truth, folder))
        attempt(f"flink, hashmap, to nowhere, {turn}", lambda: _flink(data, "hashmap", folder))
    attempt("flink, rocksdb, to nowhere", lambda: _flink(data, "rocksdb", folder))
    attempt("ours, join in spark", lambda: _ours(server, data, "spark", truth, folder))
    attempt("bare copy of raw rows", lambda: _bare_copy(server))
    result["runs"]["duckdb, whole files"] = {"seconds": truth["seconds"]}
    ours = _best(result, "ours, join in postgres")
    for key, other in (
        ("ratio_like_for_like", "flink, hashmap, to files"),
        ("ratio_vs_flink_blackhole", "flink, hashmap, to nowhere"),
    ):
        theirs = _best(result, other)
        result[key] = theirs / ours if ours and theirs else None
    return result


def hot(server: Server, folder: Path, scale: float, say: Say) -> dict[str, Any]:
    shape = events.Shape(clicks=int(1e6 * scale), checkouts=int(1e5 * scale), users=50_000, hours=4, bot_share=0.05)
    data, truth = _make(shape, folder, say)
    result: dict[str, Any] = {"events": shape.events, "truth": truth, "runs": {}}
    result["runs"]["ours, join in postgres"] = _ours(server, data, "postgres", truth, folder)
    result["runs"]["flink, hashmap, to nowhere"] = _flink(data, "hashmap", folder)
    for name, run in result["runs"].items():
        say(f"  {name}: {_told(shape, run)}")
    return result


def catch_up(server: Server, folder: Path, scale: float, say: Say) -> dict[str, Any]:
    """Six hours at 500 events/s, of which some are late."""
    total = int(10_800_000 * scale)
    shape = events.Shape(clicks=total * 10 // 11, checkouts=total // 11, users=200_000, hours=6, late_every=1000)
    data, truth = _make(shape, folder, say, shards=False)
    with Memory.watched() as memory:
        run = _ours(
            server, data, "postgres", truth, folder, files_per_batch=FILES_PER_BATCH_OF_CATCH_UP, check=False,
            watch=functools.partial(_tell_stored, say),
        )  # fmt: skip
    with psycopg.connect(server.url(DATABASE)) as connection:
        late = connection.execute("select sum(late)::bigint from batches").fetchone()
    result = {"events": shape.events, "truth": truth, "run": run, "late": late and late[0]}
    # Every wrong credit is one: the rule is applied to all events, whatever their age.
    result["uncorrected_late"] = (
        0 if run["digest"] == truth["digest"] else abs(run["credited"] - truth["credited"]) or 1
    )
    result["peak_rss_mb"] = round(memory.peak_mb)
    say(f"  {_told(shape, run)}; late {result['late']}, of which uncorrected {result['uncorrected_late']}")
    return result


def _make(shape: events.Shape, folder: Path, say: Say, *, shards: bool = True) -> tuple[Path, dict[str, Any]]:
    data = folder / "events"
    shutil.rmtree(data, ignore_errors=True)
    say(f"  writing {shape.events:,} events")
    events.write(data, shape, files=max(4, shape.events // EVENTS_PER_FILE), shards=events.SHARDS if shards else 0)
    truth = measure([OTHER_PYTHON, "-m", "benchmarks.duckdb_limit", data], folder / "duckdb.log")
    say(f"  duckdb: {_told(shape, truth)}")
    return data, truth


def _tell_stored(say: Say, log: Path) -> None:
    batches = (fields(line) for line in log.read_bytes().splitlines())
    say(f"    {sum(batch.get('clicks', 0) + batch.get('checkouts', 0) for batch in batches):,} events stored")


def _ours(
    server: Server,
    data: Path,
    join: Join,
    truth: dict[str, Any],
    folder: Path,
    *,
    files_per_batch: int | None = None,
    check: bool = True,
    watch: Callable[[Path], None] = lambda _: None,
) -> dict[str, Any]:
    postgres.create_database(server, DATABASE)
    scratch = folder / "spark"
    shutil.rmtree(scratch, ignore_errors=True)
    home = java.ensure()
    spark = job.environment(java_home=home, java_options=class_archive.java_options(), scratch=scratch / "tmp")
    variables = spark | {"PYSPARK_SUBMIT_ARGS": SUBMIT}
    command: list[object] = [
        sys.executable,
        "-m",
        "benchmarks.ours",
        data,
        server.url(DATABASE, "pipeline_writer"),
        join,
    ]
    command += [
        "--checkpoint",
        scratch / "checkpoint",
        "--files_per_batch",
        str(files_per_batch or FILES_PER_BATCH[join]),
    ]
    run = measure(command, folder / "ours.log", variables, watch=watch)
    run |= _found(server)
    clicks = _one(server, "select count(*) from raw_clicks")
    run["database_mb_per_million_clicks"] = round(
        _one(server, "select pg_database_size(current_database())") / clicks, 1
    )
    if join == "spark":
        run |= _most_state(folder / "ours.log")
    if check:
        _check(run, truth)
    return run


def _most_state(log: Path) -> dict[str, Any]:
    """Of the batch that ended with the most rows in state."""
    batches = [batch for line in log.read_bytes().splitlines() if (batch := fields(line)) and "state_rows" in batch]
    most = max(batches, key=lambda batch: int(batch["state_rows"]))
    return {
        "state_rows": most["state_rows"],
        "state_mb_per_million_rows": round(most["state_bytes"] / most["state_rows"], 1),
    }


def _copied(server: Server, data: Path, state: str, truth: dict[str, Any], folder: Path) -> dict[str, Any]:
    postgres.create_database(server, DATABASE)
    scratch = _fresh(folder / "flink")
    run = like_for_like.run(data, state, server.url(DATABASE), scratch)
    run |= _found(server)
    _check(run, truth)
    return run


def _flink(data: Path, state: str, folder: Path) -> dict[str, Any]:
    scratch = _fresh(folder / "flink")
    command: list[object] = [
        OTHER_PYTHON,
        "-m",
        "benchmarks.flink",
        data / "shards",
        state,
        "--checkpoints",
        scratch / "checkpoints",
    ]
    return measure(command, folder / "flink.log")


def _bare_copy(server: Server) -> dict[str, Any]:
    postgres.create_database(server, f"{DATABASE}_copy")
    try:
        copied = server.url(f"{DATABASE}_copy")
        return {"seconds": like_for_like.bare_copy(copied, server.url(DATABASE))}
    finally:
        postgres.drop_database(server, f"{DATABASE}_copy")


def _found(server: Server) -> dict[str, Any]:
    with psycopg.connect(server.url(DATABASE)) as connection:
        row = connection.execute(FOUND).fetchone() or (0, 0, None)
    return dict(zip(("checkouts", "credited", "digest"), row, strict=True))


def _one(server: Server, query: str) -> int:
    with psycopg.connect(server.url(DATABASE)) as connection:
        return int((connection.execute(query.encode()).fetchone() or (0,))[0])


def _check(run: dict[str, Any], truth: dict[str, Any]) -> None:
    if run["digest"] != truth["digest"]:
        raise AssertionError(
            f"wrong: {run['credited']} of {run['checkouts']} checkouts credited, not {truth['credited']} of"
            f" {truth['checkouts']}, or to other clicks"
        )


def _best(result: dict[str, Any], name: str) -> float | None:
    """The shortest time of the runs whose name begins so; None: none ended well."""
    runs = (run for run_name, run in result["runs"].items() if run_name.startswith(name))
    return min((float(run["seconds"]) for run in runs if "seconds" in run), default=None)


def _told(shape: events.Shape, run: dict[str, Any]) -> str:
    if "error" in run:
        return f"failed: {run['error'][-300:]}"
    return f"{run['seconds']:.1f} s, {shape.events / run['seconds']:,.0f} events/s (load {os.getloadavg()[0]:.1f})"


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
