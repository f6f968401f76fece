"""`make bench-report`: plots a results file; writes published figures between the marks in docs/performance.md."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

RESULTS = Path(__file__).resolve().parent / "results"
DOCUMENT = RESULTS.parent.parent / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
TARGETS = {
    "ratio_like_for_like": "≥ 2.2",
    "ratio_vs_flink_blackhole": "≥ 1.6",
    "ratio_vs_pathway": "≥ 1.3",
    "ratio_vs_no_framework": "≥ 0.75",
    "writer_scaling": "≥ 1.2",
    "serial_share": "≤ 0.1",
    "spark_bulk": "≥ 0.7",
    "p99_ms": "< 600",
    "p99_ms_5000": "< 1000",
    "spark_p99_ms": "< 1000",
    "sustained": "≥ 7500",
    "soak_growth": "≤ 1.1",
    "batch_growth": "≤ 1.3",
    "history_growth": "≤ 1.3",
    "uncorrected_late": "0",
    "peak_rss_mb": "≤ 3000",
    "kinesis_ratio": "≥ 0.6",
    "plain_parse_ratio": "≥ 0.95",
    "odd_record_ratio": "≥ 0.8",
    "performance_p95_ms": "< 1000",
    "refresh_seconds": "< 2",
    "p99_beside_refresh": "≤ 1.1",
}


def main() -> None:
    """Reports the results file given as argument, or the newest one. Those in RESULTS are the published ones."""
    arguments = [Path(argument).resolve() for argument in sys.argv[1:]]
    path = (arguments or sorted(RESULTS.glob("*.json")))[-1]
    results = json.loads(path.read_text())
    draw(results, path.with_suffix(".png"))
    if path.parent != RESULTS:
        print(f"wrote {path.with_suffix('.png')}; {DOCUMENT.name} keeps its figures")
        return
    text = DOCUMENT.read_text()
    text_before, text_after = text.split(BEGIN)[0], text.split(END)[1]
    DOCUMENT.write_text(f"{text_before}{BEGIN}\n\n" + "\n".join(markdown_lines(results)) + f"\n\n{END}{text_after}")
    print(f"wrote {path.with_suffix('.png').name} and {DOCUMENT.name}")


def markdown_lines(results: dict[str, Any]) -> Iterator[str]:
    """Yields the figures as lines of Markdown."""
    machine = results["machine"]
    yield f"Measured on {results['date']} at scale {results['scale']:g}, in {results['minutes']:g} minutes, on"
    yield f"{machine['cpus']} CPUs ({machine['cpu']}) with {machine['memory_gib']:g} GiB of memory."
    yield f"The load average before the run was {machine['load_before']:.1f}."
    yield ""
    yield "| | measured | target |"
    yield "|---|---:|---:|"
    for key, target in TARGETS.items():
        value = results.get(key)
        measured = "—" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
        yield f"| `{key}` | {measured} | {target} |"
    for name in ("bulk", "hot", "catch-up", "kinesis"):
        workload = results["workloads"].get(name, {})
        runs = workload.get("runs") or ({"ours, join in postgres": workload["run"]} if "run" in workload else {})
        if runs:
            yield from ("", f"| {name}, {workload['events']:,} events | s | events/s |", "|---|---:|---:|")
        for run_name, run in runs.items():
            seconds = run.get("seconds")
            pace = f"{seconds:.1f} | {workload['events'] / seconds:,.0f}" if seconds else "failed |"
            yield f"| {run_name} | {pace} |"
    rates = results["workloads"].get("steady", {}).get("rates", {})
    if rates:
        yield from ("", "| steady, events/s | put to row p50, ms | p99, ms | batch, ms |", "|---|---:|---:|---:|")
    rows = [(f"{int(rate):,}", run) for rate, run in rates.items()]
    if "rate" in (spark := results["workloads"].get("spark-state", {})):
        rows.append((f"{spark['rate']:,}, join in spark", spark))
    for name, run in rows:
        yield f"| {name} | {run['p50_ms']:.0f} | {run['p99_ms']:.0f} | {run['batch_ms']:.0f} |"
    yield from size_lines(results["workloads"].get("bulk", {}).get("runs", {}))
    failures = {name: run["error"] for name, run in results["workloads"].items() if "error" in run}
    for name, error in failures.items():
        yield from ("", f"{name} failed: `{error.splitlines()[-1][:200]}`")


def size_lines(runs: dict[str, Any]) -> Iterator[str]:
    """Yields the sizes of the database and of Spark's state, for the runs that measured them."""
    for name, run in runs.items():
        if "database_mb_per_million_clicks" in run:
            yield from ("", f"{name}: {run['database_mb_per_million_clicks']:g} MB in PostgreSQL per million clicks.")
        if "state_rows" in run:
            megabytes = run["state_mb_per_million_rows"]
            yield f"Spark's state: at most {run['state_rows']:,} rows, {megabytes:g} MB per million rows."


def draw(results: dict[str, Any], path: Path) -> None:
    """Plots the throughput of *bulk* and the latency of *steady*."""
    figure, (bulk, steady) = plt.subplots(1, 2, figsize=(13, 4.5), layout="constrained")
    runs = results["workloads"].get("bulk", {}).get("runs", {})
    measured = {
        name: run["seconds"] for name, run in runs.items() if "seconds" in run and not name.startswith("duckdb")
    }
    events = results["workloads"].get("bulk", {}).get("events", 0)
    colours = ["tab:blue" if name.startswith("ours") else "tab:grey" for name in measured]
    bulk.barh(list(measured), [events / seconds for seconds in measured.values()], color=colours)
    bulk.invert_yaxis()
    bulk.set_xlabel("events/s, bulk")
    rates = results["workloads"].get("steady", {}).get("rates", {})
    names = sorted(rates, key=int)
    for percentile in ("p50_ms", "p99_ms"):
        steady.plot(
            [f"{int(name):,}" for name in names], [rates[name][percentile] for name in names], "o-", label=percentile
        )
    steady.set_xlabel("events/s, steady")
    steady.set_ylabel("put to row, ms")
    steady.set_ylim(bottom=0)
    if names:
        steady.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
