"""The figures in README.md are those of the last published run, so that a new run cannot leave an old figure there."""

import json
import re
from typing import Any

import pytest

from local.folder import PROJECT

README = (PROJECT / "README.md").read_text()
RESULTS = sorted((PROJECT / "benchmarks" / "results").glob("*.json"))[-1]


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    published: dict[str, Any] = json.loads(RESULTS.read_text())
    return published


def row(label: str) -> str:
    """Returns the cells behind `label` in the table of figures."""
    (cells,) = re.findall(rf"^\| {re.escape(label)} \|(.*)$", README, re.MULTILINE)
    return str(cells)


def test_the_latency_is_the_measured_one(results: dict[str, Any]) -> None:
    assert f" {results['p99_ms'] / 1000:.2f} s " in row("Kinesis to committed row, 99 of 100 events")


def test_the_throughput_is_that_of_the_better_run_with_one_and_with_two_writers(results: dict[str, Any]) -> None:
    bulk = results["workloads"]["bulk"]
    one, two = (
        bulk["events"] / min(bulk["runs"][f"{name}, {turn}"]["seconds"] for turn in (1, 2))
        for name in ("ours with one writer", "ours")
    )
    assert f" {round(one, -3):,.0f} and {round(two, -3):,.0f} events/s " in row("Throughput into PostgreSQL")


def test_the_speed_relative_to_flink_is_the_measured_one(results: dict[str, Any]) -> None:
    assert f" {results['ratio_like_for_like']:.1f} times " in row("Speed relative to Flink SQL")


def test_the_records_and_faults_are_those_of_the_published_seeds() -> None:
    published = (PROJECT / "docs" / "reliability.md").read_text()
    records, faults = re.findall(r"seeds\*\*, ([\d,]+) records,\n(\d+) faults", published)[0]
    cells = row("Records lost, duplicated or wrong under faults")
    assert f" 0, 0, 0 of {records} " in cells
    assert f" {faults} injected faults" in cells
