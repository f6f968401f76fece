"""The *parsing* workload: plain events against an earlier parser, and one odd record among many."""

import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import BenchmarkError, measure
from benchmarks.workload import PrintLine
from local.folder import PROJECT
from local.servers.postgres import Server
from runtime.data_generator.events import encode
from runtime.data_generator.invocation import Invocation
from runtime.data_generator.settings import Settings
from runtime.data_generator.simulation import simulate

# The last commit whose parser refused whatever was not plain or nearly so.
BASELINE = "b09cb4d"
NEW_FIELDS = {"referrer", "experiment_id", "variant"}
CLICKS = 20_000
TURNS = 5
# An event whose bytes are no UTF-8, as of a log file in Latin-1.
ODD = b'{"click_id":"odd","user_id":"u","click_timestamp":"2026-11-23T12:00:00.000Z","utm_campaign":"\xfcber"}'


def parsing(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:  # noqa: ARG001
    """Measures, in turns: the baseline and this code over plain events, and this code with one odd click among them.

    The ratios are medians over the turns: time of the baseline to time of this code, and time without to time with the
    odd click.
    """
    baseline = folder / "baseline"
    _export(BASELINE, baseline)
    lines = _plain_events(int(CLICKS * scale))
    plain, odd = folder / "plain", folder / "odd"
    _write(plain, lines)
    _write(odd, lines | {"click_id": [*lines["click_id"], ODD]})
    runs: dict[str, list[float]] = {"baseline": [], "plain": [], "odd": []}
    for _ in range(TURNS):
        for name, code, events in (("baseline", baseline, plain), ("plain", PROJECT, plain), ("odd", PROJECT, odd)):
            runs[name].append(_seconds(code, events, folder, dead_letters=int(name == "odd")))
    ratios = {
        "plain_parse_ratio": statistics.median(map(_divide, runs["baseline"], runs["plain"])),
        "odd_record_ratio": statistics.median(map(_divide, runs["plain"], runs["odd"])),
    }
    for name, value in ratios.items():
        print_line(f"  {name}: {value:.2f}")
    return {"events": sum(map(len, lines.values())), "seconds": runs, **ratios}


def _divide(dividend: float, divisor: float) -> float:
    return dividend / divisor


def _export(commit: str, folder: Path) -> None:
    """Writes runtime/ of a commit to a folder."""
    try:
        archive = subprocess.run(["git", "archive", commit, "runtime"], cwd=PROJECT, capture_output=True, check=True)  # noqa: S603, S607
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"commit {commit} is not in this clone; fetch the whole history") from error
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")


def _plain_events(clicks: int) -> dict[str, list[bytes]]:
    """Returns plain clicks and checkouts of the simulated shop, by id field, with fields of the baseline."""
    settings = Settings(
        clicks_stream="click_id", checkouts_stream="checkout_id", clicks=clicks, malformed_share=0, variety=0
    )
    events: dict[str, list[bytes]] = {"click_id": [], "checkout_id": []}
    for record in simulate(settings, Invocation("bench", datetime(2026, 11, 23, 12, tzinfo=UTC))):
        event = {name: value for name, value in json.loads(record.data).items() if name not in NEW_FIELDS}
        events["click_id" if record.stream == "clicks" else "checkout_id"].append(encode(event))
    return events


def _write(folder: Path, lines: dict[str, list[bytes]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, events in lines.items():
        (folder / f"{name}.jsonl").write_bytes(b"\n".join(events) + b"\n")


def _seconds(code: Path, events: Path, folder: Path, *, dead_letters: int) -> float:
    command = [sys.executable, PROJECT / "benchmarks" / "parse_events.py", events]
    run = measure(command, folder / "parse.log", os.environ | {"PYTHONPATH": str(code)})
    if run["dead_letters"] != dead_letters:
        raise BenchmarkError(f"{run['dead_letters']} dead letters instead of {dead_letters}")
    return float(run["seconds"])
