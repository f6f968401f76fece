"""A mutant: a module with one change, and what became of it under the tests."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mutants import nearby, python_changes
from mutants.change import Change

MOST_CHARACTERS = 60
NO_CHANGE = Change(0, 0, "")

# `stopped`: the tests took longer than they may, as an endless loop does.
Outcome = Literal["caught", "stopped", "survived"]


@dataclass(frozen=True)
class Mutant:
    """A change of the module `file`, which begins in `line`; `former` is the replaced text."""

    file: str
    line: int
    former: str
    change: Change

    @property
    def module(self) -> str:
        return self.file.removeprefix(f"{nearby.JOB}/")

    @property
    def is_original(self) -> bool:
        return self.change == NO_CHANGE

    @property
    def tests(self) -> list[str]:
        return nearby.all_tests_of(self.file) if self.is_original else nearby.tests_of(self.file)

    @property
    def key(self) -> str:
        """Identifies the mutant among others of the same source, and an original by its tests."""
        if self.is_original:
            return " ".join(sorted(self.tests))
        return f"{self.file}:{self.change.start}-{self.change.end}:{self.change.text}"

    def __str__(self) -> str:
        if self.is_original:
            return f"{self.module} without a change"
        return f"{self.module}:{self.line}: {_shown(self.former)} → {_shown(self.change.text)}"


def mutants_of(project: Path, prefixes: Sequence[str]) -> list[Mutant]:
    """Returns the mutants of all modules whose path in the job begins with one of `prefixes`; of all without any."""
    return [
        mutant
        for file in nearby.files(project)
        if not prefixes or file.removeprefix(f"{nearby.JOB}/").startswith(tuple(prefixes))
        for mutant in _mutants_of_file(project, file)
    ]


def originals(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Returns a module without a change for each set of tests that has those of some of the mutants."""
    candidates = [Mutant(file, 1, "", NO_CHANGE) for file in dict.fromkeys(mutant.file for mutant in mutants)]
    return list({original.key: original for original in candidates}.values())


def sample(mutants: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """Draws `size` mutants, or all if there are fewer. The same seed gives the same ones in the same order.

    The first ones of a large sample are the small sample of that seed, so that an interrupted run counts as one.
    """
    shuffled = list(mutants)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - no secret
    return shuffled[:size]


def _mutants_of_file(project: Path, file: str) -> Iterable[Mutant]:
    source = (project / file).read_text()
    for change in python_changes.changes(source):
        line = source.count("\n", 0, change.start) + 1
        yield Mutant(file, line, source[change.start : change.end], change)


def _shown(text: str) -> str:
    """Returns a text in one line, and not all of a long one."""
    line = " ".join(text.split()) or "nothing"
    return line if len(line) <= MOST_CHARACTERS else f"{line[: MOST_CHARACTERS - 1]}…"
