"""`make bench`: measures the pipeline against Flink and the machine's limits; see docs/performance.md."""

import argparse
import json
import shutil
import subprocess
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import bulk, steady
from benchmarks.machine import OTHER_PYTHON, describe
from local.folder import PROJECT
from local.servers import postgres, signals
from local.servers.postgres import Server

Workload = Callable[[Server, Path, float, Callable[[str], None]], dict[str, Any]]
WORKLOADS: dict[str, Workload] = {
    "bulk": bulk.bulk,
    "hot": bulk.hot,
    "steady": steady.steady,
    "catch-up": bulk.catch_up,
}
# What the targets are about, and which workload gives it.
KEYS = {
    "ratio_like_for_like": "bulk",
    "ratio_vs_flink_blackhole": "bulk",
    "p99_ms": "steady",
    "batch_growth": "steady",
    "uncorrected_late": "catch-up",
    "peak_rss_mb": "catch-up",
}


def main() -> int:
    """Exit status 1 when a workload failed; what the others gave is kept."""
    signals.clean_up_when_interrupted()
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("workloads", nargs="*", help=f"of {', '.join(WORKLOADS)}; without any, all")
    parser.add_argument("--scale", type=float, default=1.0, help="of every size (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=PROJECT / "benchmarks" / "results")
    options = parser.parse_args()
    chosen = options.workloads or list(WORKLOADS)
    if unknown := set(chosen) - set(WORKLOADS):
        parser.error(f"unknown workload {', '.join(unknown)}: expected some of {', '.join(WORKLOADS)}")
    began, folder = time.monotonic(), PROJECT / ".local" / "bench"
    date = datetime.now(UTC).date().isoformat()
    path: Path = options.results / f"{date}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"date": date, "scale": options.scale, "machine": describe(), "workloads": {}}
    try:
        with postgres.running(folder / "postgres") as server:
            for name in chosen:
                print(f"{name}:", flush=True)
                results["workloads"][name] = _attempt(WORKLOADS[name], server, folder, options.scale)
                results |= {key: results["workloads"].get(source, {}).get(key) for key, source in KEYS.items()}
                results["minutes"] = round((time.monotonic() - began) / 60, 1)
                path.write_text(json.dumps(results, indent=2) + "\n")
    except KeyboardInterrupt:
        print(f"ended; what was measured until then is in {path}" if results["workloads"] else "ended")
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps({key: results[key] for key in KEYS}, indent=2))
    subprocess.run([OTHER_PYTHON, "-m", "benchmarks.report", path], check=True, cwd=PROJECT)  # noqa: S603 - our own
    return int(any("error" in workload for workload in results["workloads"].values()))


def _attempt(workload: Workload, server: Server, folder: Path, scale: float) -> dict[str, Any]:
    try:
        return workload(server, folder, scale, lambda text: print(text, flush=True))
    except Exception as error:  # noqa: BLE001 - the other workloads are to be measured all the same
        print(f"  failed: {error}", flush=True)
        traceback.print_exc()
        return {"error": "".join(traceback.format_exception_only(error)).strip()[-2000:]}


if __name__ == "__main__":
    raise SystemExit(main())
