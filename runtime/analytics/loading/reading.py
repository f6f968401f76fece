"""Reading and checking of the CSV files that people fill: ad spend, exchange rates and channel rules."""

import csv
import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.analytics.loading.delimited_text import Layout, find_encoding, find_layout, reason
from runtime.analytics.loading.kinds import Kind

MAX_BYTES = 64 * 1024 * 1024
MAX_CELL_CHARACTERS = 1024 * 1024
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
    text = _decode(content)
    lines = io.StringIO(text, newline="")
    layout = find_layout(list(itertools.islice(io.StringIO(text, newline=""), HEADER_LINES)))
    if layout is None or not {name.lower() for name in layout.columns} & set(kind.names):
        raise LoadError(f"no header; the first line names the columns {', '.join(kind.names)}, separated by commas")
    _check_header(kind, layout.columns)
    rows: list[Row] = []
    problems: list[Problem] = []
    first_lines: dict[tuple[Any, ...], int] = {}
    for line, record in _records(lines, layout):
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


def _decode(content: bytes) -> str:
    encoding, mark = find_encoding(content)
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = f" on line {line}" if encoding == "UTF-8" else ""
        raise LoadError(f"not {encoding} text{place}; save the table as CSV in UTF-8 (in Excel: 'CSV UTF-8')") from None
    if "\0" in text:
        raise LoadError("not a text file; save the table as CSV in UTF-8 (in Excel: 'CSV UTF-8')")
    return text


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


def _records(lines: Iterator[str], layout: Layout) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yields each row below the header with its line: its cells by column, or why it cannot be read."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    columns = [name.lower() for name in layout.columns]
    for _ in range(layout.skipped_lines):
        next(lines)
    rows = csv.reader(lines, delimiter=layout.delimiter, strict=True)
    while True:
        line = layout.skipped_lines + rows.line_num + 1
        try:
            row = [cell.strip() for cell in next(rows)]
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"{reason(error)}; correct the quotation marks"
            continue
        if (len(row) < len(columns) and any(row)) or any(row[len(columns) :]):
            cell_count = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            yield line, f"{cell_count}, but the header has {len(columns)}; quote a cell that holds {layout.delimiter!r}"
        elif any(cell for column, cell in zip(columns, row, strict=False) if not column):
            yield line, "has a cell below no column name; name the column in the header, or delete it"
        elif any(row):
            yield line, {column: cell for column, cell in zip(columns, row, strict=False) if column}


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
