"""`make bench`: measures the pipeline, Flink and the machine's limits. docs/performance.md explains the figures."""

import argparse
import json
import shutil
import subprocess
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import analytics, bulk, catch_up, kinesis, parsing, steady, sustained
from benchmarks.machine import BENCHMARKS_PYTHON, describe_machine
from benchmarks.workload import Workload
from local.folder import PROJECT
from local.servers import postgres, signals
from local.servers.postgres import Server

RESULTS = PROJECT / "benchmarks" / "results"
TRIALS = PROJECT / ".local" / "bench-trials"
WORKLOADS: dict[str, Workload] = {
    "bulk": bulk.bulk,
    "hot": bulk.hot,
    "steady": steady.steady,
    "spark-state": steady.spark_state,
    "sustained": sustained.sustained,
    "soak": sustained.soak,
    "catch-up": catch_up.catch_up,
    "kinesis": kinesis.kinesis,
    "parsing": parsing.parsing,
    "analytics": analytics.analytics,
    "beside-refresh": analytics.beside_refresh,
}
# The longest ones. The others together take less than an hour.
BY_NAME_ONLY = frozenset(("spark-state", "soak", "analytics", "beside-refresh"))
# The figures that have a target, with the workload that measures each.
TARGET_FIGURES = {
    "ratio_like_for_like": "bulk",
    "ratio_vs_flink_blackhole": "bulk",
    "ratio_vs_pathway": "bulk",
    "ratio_vs_no_framework": "bulk",
    "writer_scaling": "bulk",
    "serial_share": "bulk",
    "spark_bulk": "bulk",
    "p99_ms": "steady",
    "p99_ms_5000": "steady",
    "spark_p99_ms": "spark-state",
    "sustained": "sustained",
    "soak_growth": "soak",
    "batch_growth": "steady",
    "history_growth": "steady",
    "uncorrected_late": "catch-up",
    "peak_rss_mb": "catch-up",
    "kinesis_ratio": "kinesis",
    "plain_parse_ratio": "parsing",
    "odd_record_ratio": "parsing",
    "performance_p95_ms": "analytics",
    "refresh_seconds": "analytics",
    "p99_beside_refresh": "beside-refresh",
}


def main() -> int:
    """Runs the chosen workloads and writes their results. Returns exit status 1 if a workload failed, else 0."""
    signals.clean_up_when_interrupted()
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument(
        "workloads",
        nargs="*",
        help=f"some of {', '.join(WORKLOADS)} (default: all but {', '.join(sorted(BY_NAME_ONLY))})",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="factor of every size (default: %(default)s)")
    parser.add_argument(
        "--results",
        type=Path,
        help="folder for <date>.json and its plot (default: benchmarks/results, and docs/performance.md gets the"
        " figures; for a trial, of some workloads or at another scale, .local/bench-trials)",
    )
    parser.add_argument(
        "--add", action="store_true", help="add to the newest results of this scale, instead of writing new ones"
    )
    options = parser.parse_args()
    chosen = options.workloads or [name for name in WORKLOADS if name not in BY_NAME_ONLY]
    if unknown := set(chosen) - set(WORKLOADS):
        parser.error(f"unknown workload {', '.join(unknown)}: expected some of {', '.join(WORKLOADS)}")
    began, folder = time.monotonic(), PROJECT / ".local" / "bench"
    published = options.scale == 1 and (options.add or not options.workloads)
    results_folder = (options.results or (RESULTS if published else TRIALS)).resolve()
    path, results = _newest_results(results_folder, options.scale) if options.add else (None, None)
    if path is None or results is None:
        date = datetime.now(UTC).date().isoformat()
        path = results_folder / f"{date}.json"
        results = {"date": date, "scale": options.scale, "machine": describe_machine(), "minutes": 0, "workloads": {}}
    path.parent.mkdir(parents=True, exist_ok=True)
    minutes_before = results["minutes"]
    try:
        with postgres.running(folder / "postgres") as server:
            for name in chosen:
                print(f"{name}:", flush=True)
                results["workloads"][name] = _run_workload(WORKLOADS[name], server, folder, options.scale)
                results |= {
                    key: results["workloads"].get(workload, {}).get(key) for key, workload in TARGET_FIGURES.items()
                }
                results["minutes"] = round(minutes_before + (time.monotonic() - began) / 60, 1)
                path.write_text(json.dumps(results, indent=2) + "\n")
    except KeyboardInterrupt:
        print(f"interrupted; the results so far are in {path}" if results["workloads"] else "interrupted; no results")
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps({key: results[key] for key in TARGET_FIGURES}, indent=2))
    subprocess.run([BENCHMARKS_PYTHON, "-m", "benchmarks.report", path], check=True, cwd=PROJECT)  # noqa: S603 - our own module
    return int(any("error" in workload for workload in results["workloads"].values()))


def _newest_results(folder: Path, scale: float) -> tuple[Path | None, dict[str, Any] | None]:
    """Returns the newest results of a scale, and their file; nulls if there are none."""
    for path in sorted(folder.glob("*.json"), reverse=True):
        results: dict[str, Any] = json.loads(path.read_text())
        if results["scale"] == scale:
            return path, results
    return None, None


def _run_workload(workload: Workload, server: Server, folder: Path, scale: float) -> dict[str, Any]:
    try:
        return workload(server, folder, scale, lambda text: print(text, flush=True))
    except Exception as error:  # noqa: BLE001 - the other workloads still run
        print(f"  failed: {error}", flush=True)
        traceback.print_exc()
        return {"error": "".join(traceback.format_exception_only(error)).strip()[-2000:]}


if __name__ == "__main__":
    raise SystemExit(main())
