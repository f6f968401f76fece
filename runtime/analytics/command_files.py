"""Reading of the files of the commands: delimited text with known columns, and a full account of its problems."""

import io
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from runtime.analytics.loading.delimited_rows import decode, read_rows
from runtime.analytics.loading.delimited_text import find_layout

STANDARD_INPUT = Path("-")
REPORTED_PROBLEMS = 20

Row = TypeVar("Row")


class FileError(Exception):
    """A file cannot be used. The message names its lines and the remedies."""


def read_content(path: Path) -> bytes:
    """Returns the bytes of a file, or of standard input for the path `-`."""
    return sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()


def read_table(
    content: bytes, required: Sequence[str], optional: Sequence[str], convert: Callable[[Mapping[str, str]], Row]
) -> Iterator[Row]:
    """Yields the converted rows of a table, in its order. Other columns than the named ones are left out.

    Args:
        convert: makes a row of its cells by column. Raises ValueError with the column, the cell and the remedy.

    Raises:
        FileError: the content is not delimited text with the required columns (before the first row), or a row has an
            error (after the last row: the message has all problems).
    """
    try:
        text = decode(content)
    except ValueError as error:
        raise FileError(str(error)) from None
    layout = find_layout(_lines_up_to_the_header(text))
    if layout is None:
        raise FileError(f"no header; the first line names the columns: {','.join([*required, *optional])}")
    _check_header(layout.columns, required, optional)
    problems: list[str] = []
    problem_count = 0
    for line, row in read_rows(text, layout):
        try:
            if isinstance(row, str):
                raise ValueError(row)
            yield convert(row)
        except ValueError as error:
            problem_count += 1
            if problem_count <= REPORTED_PROBLEMS:
                problems.append(f"line {line}: {error}")
    if problem_count > REPORTED_PROBLEMS:
        problems.append(f"and {problem_count - REPORTED_PROBLEMS:,} more problems")
    if problems:
        raise FileError("\n  ".join(problems))


def _lines_up_to_the_header(text: str) -> list[str]:
    """Returns the blank lines at the beginning and the two lines after them, one of which is the header."""
    lines = io.StringIO(text, newline="")
    head = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    return head + list(itertools.islice(lines, 1))


def _check_header(columns: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> None:
    names = [column.lower() for column in columns]
    missing = [name for name in required if name not in names]
    repeated = [name for name in (*required, *optional) if names.count(name) > 1]
    if missing:
        raise FileError(f"the header has no column {' and no column '.join(missing)}, only {', '.join(columns)}")
    if repeated:
        raise FileError(f"the header has the column {repeated[0]} more than once; remove one of them")
