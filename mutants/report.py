"""The outcomes of mutants: stored, to go on after an interruption, and as tables."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mutants.mutant import Mutant, Outcome


def read(file: Path) -> dict[str, Outcome]:
    """Returns the stored outcomes by the mutant's key, the newest one of each."""
    return dict(map(json.loads, file.read_text().splitlines())) if file.exists() else {}


def store(file: Path, mutant: Mutant, outcome: Outcome) -> None:
    with file.open("a") as lines:
        lines.write(json.dumps([mutant.key, outcome]) + "\n")


def share_caught(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome != "survived" for outcome in outcomes) / len(outcomes) if outcomes else 1.0


def lines(outcomes: Mapping[Mutant, Outcome]) -> Iterator[str]:
    """Yields the lines of a table by module, with a row for all, and of a list of the survivors."""
    modules: dict[str, list[Outcome]] = {}
    for mutant in sorted(outcomes, key=lambda mutant: mutant.module):
        modules.setdefault(mutant.module, []).append(outcomes[mutant])
    yield "| module | mutants | caught | survived | share |"
    yield "|---|---:|---:|---:|---:|"
    for module, found in modules.items():
        yield _row(module, found)
    yield _row("all", list(outcomes.values()))
    yield ""
    yield from (f"survived: {mutant}" for mutant, outcome in outcomes.items() if outcome == "survived")


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    survived = outcomes.count("survived")
    share = f"{100 * share_caught(outcomes):.0f} %"
    return f"| {name} | {len(outcomes)} | {len(outcomes) - survived} | {survived} | {share} |"
