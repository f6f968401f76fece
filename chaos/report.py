"""Writes the outcomes of `make chaos` as tables to docs/reliability.md, between its two marks."""

import re
import statistics
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from chaos.run import Outcome
from local.folder import PROJECT

CATALOGUE = Path(__file__).parent / "faults.toml"
DOCUMENT = PROJECT / "docs" / "reliability.md"
BEGIN, END = "<!-- outcome: begin -->", "<!-- outcome: end -->"


def catalogue() -> dict[str, list[dict[str, str]]]:
    """Returns the faults of faults.toml.

    `injected` holds each fault's name, where, test and runbook; `shown` holds the same without where.
    """
    return tomllib.loads(CATALOGUE.read_text())


def write(outcomes: Sequence[Outcome], minutes: float) -> None:
    text = DOCUMENT.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines(outcomes, minutes)) + f"\n\n{END}{after}")
    print(f"written: {DOCUMENT.relative_to(PROJECT)}")


def lines(outcomes: Sequence[Outcome], minutes: float) -> Iterator[str]:
    """Yields the Markdown lines between the marks."""
    seeds = [outcome.seed for outcome in outcomes]
    first, last = min(seeds), max(seeds)
    totals = (
        f"{_sum(outcomes, 'lost')} lost, {_sum(outcomes, 'duplicated')} duplicated, {_sum(outcomes, 'wrong')} wrong"
    )
    yield f'Measured on {datetime.now(UTC).date()} by `make chaos ARGS="--seed {first} --count {last - first + 1}"`:'
    passed = sum(outcome.passed for outcome in outcomes)
    yield f"**{passed} of {len(outcomes)} seeds**, {_sum(outcomes, 'records'):,} records,"
    yield f"{sum(len(outcome.injected) for outcome in outcomes)} faults: **{totals}**, in {minutes:.0f} minutes."
    yield f"The job ended by itself {_sum(outcomes, 'restarts')} times."
    yield ""
    yield "| fault | injected by | times | lost | duplicated | wrong | recovery p50, s | max, s |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for fault in catalogue()["injected"]:
        yield _row(fault["name"], fault["where"], outcomes)
    yield ""
    yield "Lost, duplicated, wrong: in all seeds with this fault. Recovery: from the end of a fault to the next commit."
    yield ""
    yield from proofs()


def proofs() -> Iterator[str]:
    """Yields the lines of a table with the test and the runbook of each fault."""
    yield "| fault | tested alone by | runbook |"
    yield "|---|---|---|"
    for fault in (*catalogue()["injected"], *catalogue()["shown"]):
        file, function = fault["test"].split("::")
        heading = fault["runbook"]
        yield f"| {fault['name']} | [`{function}`](../{file}) | [{heading}](operations.md#{anchor(heading)}) |"


def anchor(heading: str) -> str:
    """Returns the anchor that GitHub generates for `heading`."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _row(name: str, where: str, outcomes: Sequence[Outcome]) -> str:
    seeds = [outcome for outcome in outcomes if any(fault.name == name for fault in outcome.injected)]
    recoveries = [fault.recovery for outcome in seeds for fault in outcome.injected if fault.name == name]
    if not recoveries:
        return f"| {name} | {where} | not injected | | | | | |"
    counts = " | ".join(str(_sum(seeds, count)) for count in ("lost", "duplicated", "wrong"))
    times = f"{statistics.median(recoveries):.1f} | {max(recoveries):.1f}"
    return f"| {name} | {where} | {len(recoveries)} | {counts} | {times} |"


def _sum(outcomes: Sequence[Outcome], name: str) -> int:
    return sum(getattr(outcome, name) for outcome in outcomes)
