"""Reading and checking of the CSV files that people fill."""

import io
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.analytics.loading.delimited_rows import decode, read_rows
from runtime.analytics.loading.delimited_text import find_layout
from runtime.analytics.loading.kinds import Kind

MAX_BYTES = 64 * 1024 * 1024
# The header is the first of these lines that is not blank.
HEADER_LINES = 100
REPORTED_PROBLEMS = 20


class LoadError(Exception):
    """A file cannot be loaded, and nothing was changed. The message names the problems and the remedies."""


@dataclass(frozen=True)
class Row:
    """A row. `line`: the line of the file where it begins, from 1. `values`: without those that cannot be read."""

    line: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """A problem of a row, with the value and the remedy."""

    line: int
    text: str


def read(kind: Kind, content: bytes) -> tuple[list[Row], list[Problem]]:
    """Returns the rows of a file, and their problems. Only a file without problems can be loaded.

    Raises:
        LoadError: the content is not delimited text with the header of this kind, or it has no rows.
    """
    try:
        text = decode(content)
    except ValueError as error:
        raise LoadError(str(error)) from None
    layout = find_layout(list(itertools.islice(io.StringIO(text, newline=""), HEADER_LINES)))
    if layout is None or not {name.lower() for name in layout.columns} & set(kind.names):
        raise LoadError(f"no header; the first line names the columns {', '.join(kind.names)}, separated by commas")
    _check_header(kind, layout.columns)
    rows: list[Row] = []
    problems: list[Problem] = []
    first_lines: dict[tuple[Any, ...], int] = {}
    for line, record in read_rows(text, layout):
        if isinstance(record, str):
            problems.append(Problem(line, record))
            continue
        values, row_problems = _read_row(kind, record)
        problems += [Problem(line, problem) for problem in row_problems]
        # The key of a row with an unreadable cell can be readable, and a duplicate.
        if all(name in values for name in kind.key):
            key = tuple(values[name] for name in kind.key)
            if (first_line := first_lines.setdefault(key, line)) != line:
                shown = ", ".join(f"{name} {values[name]}" for name in kind.key if values[name] != "")
                problems.append(Problem(line, f"{shown}: is also on line {first_line}; keep one of the rows"))
        rows.append(Row(line, values))
    if not rows and not problems:
        raise LoadError("no rows below the header; nothing to load")
    return rows, problems


def refuse(problems: Sequence[Problem]) -> None:
    """Raises LoadError with the first problems and their number, if there are any."""
    if not problems:
        return
    shown = [
        f"line {problem.line}: {problem.text}"
        for problem in sorted(problems, key=lambda problem: problem.line)[:REPORTED_PROBLEMS]
    ]
    more = len(problems) - len(shown)
    count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
    raise LoadError(
        "\n  ".join([f"{count}, nothing was loaded:", *shown, *([f"and {more:,} more problems"] if more else [])])
    )


def _check_header(kind: Kind, columns: Sequence[str]) -> None:
    names = [name.lower() for name in columns if name]
    problems = [
        *(f"the column {name} is missing" for name in kind.required if name not in names),
        *(f"the column {name!r} is unknown" for name in names if name not in kind.names),
        *(f"the column {name} is there twice" for name in kind.names if names.count(name) > 1),
    ]
    if problems:
        optional = [name for name in kind.names if name not in kind.required]
        remedy = f"the columns of {kind.name} are {', '.join(kind.required)}"
        remedy += f", and optionally {', '.join(optional)}" if optional else ""
        raise LoadError(f"header: {'; '.join(problems)}; {remedy}")


def _read_row(kind: Kind, record: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems = []
    for column in kind.columns:
        cell = record.get(column.name, "")
        try:
            if not cell and not column.is_optional:
                raise ValueError("is empty; fill it in")
            values[column.name] = column.read(cell)
        except ValueError as error:
            problems.append(f"{column.name}: {repr(cell) + ': ' if cell else ''}{error}")
    return values, problems
