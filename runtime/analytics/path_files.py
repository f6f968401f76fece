"""Reading and checking of path files: aggregated paths as delimited text."""

import io
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from runtime.analytics.loading import cells
from runtime.analytics.loading.delimited_rows import decode, read_rows
from runtime.analytics.loading.delimited_text import find_layout
from runtime.analytics.models.path_totals import PathTotals

REQUIRED = ("path", "conversions")
OPTIONAL = ("value", "nulls")
# A ">" that stands alone, so that "A > > B" has an empty channel instead of the channel "> B".
SEPARATOR = re.compile(r"(?:^|(?<=\s))>(?=\s|$)")
REPORTED_PROBLEMS = 20


class PathFileError(Exception):
    """A path file cannot be used. The message names the lines and the remedies."""


def read_paths(content: bytes, digits: int) -> list[PathTotals]:
    """Returns the paths of a file, in its order. `digits`: decimals that a value may have.

    Raises:
        PathFileError: the content is not delimited text with the columns of a path file, or a row has an error.
    """
    try:
        text = decode(content)
    except ValueError as error:
        raise PathFileError(str(error)) from None
    layout = find_layout(list(io.StringIO(text, newline="")))
    if layout is None:
        raise PathFileError(f"no header; the first line names the columns: {','.join(REQUIRED + OPTIONAL)}")
    _check_header(layout.columns)
    paths, problems = [], []
    for line, row in read_rows(text, layout):
        if isinstance(row, str):
            problems.append(f"line {line}: {row}")
            continue
        try:
            paths.append(_path(row, digits))
        except ValueError as error:
            problems.append(f"line {line}: {error}")
    if problems:
        more = [f"and {len(problems) - REPORTED_PROBLEMS:,} more problems"] if len(problems) > REPORTED_PROBLEMS else []
        raise PathFileError("\n  ".join([*problems[:REPORTED_PROBLEMS], *more]))
    return paths


def _check_header(columns: Sequence[str]) -> None:
    names = [column.lower() for column in columns]
    missing = [name for name in REQUIRED if name not in names]
    repeated = [name for name in REQUIRED + OPTIONAL if names.count(name) > 1]
    if missing:
        raise PathFileError(f"the header has no column {' and no column '.join(missing)}, only {', '.join(columns)}")
    if repeated:
        raise PathFileError(f"the header has the column {repeated[0]} more than once; remove one of them")


def _path(row: Mapping[str, str], digits: int) -> PathTotals:
    """Returns the path of a row. Raises ValueError with the column, the cell and the remedy."""
    conversions, nulls = _number(row, "conversions", ""), _number(row, "nulls", "0")
    value = _number(row, "value", "0")
    if value != round(value, digits):
        raise ValueError(f"value: {row['value']!r}: has more than {digits} decimals; round it, or set --digits")
    if value and not conversions:
        raise ValueError(f"value: {row['value']!r}: the path has no conversions that the value could come from")
    return PathTotals(_channels(row["path"]), Fraction(conversions), Fraction(value), Fraction(nulls))


def _number(row: Mapping[str, str], column: str, default: str) -> Decimal:
    cell = row.get(column) or default
    try:
        if not cell:
            raise ValueError("is empty; write a number of at least 0")
        return cells.read_amount(cell)
    except ValueError as error:
        raise ValueError(f"{column}: {repr(cell) + ': ' if cell else ''}{error}") from None


def _channels(path: str) -> tuple[str, ...]:
    if not path:
        raise ValueError(f"path: is empty; write {cells.UNATTRIBUTED} for conversions without touches")
    channels = tuple(channel.strip() for channel in SEPARATOR.split(path))
    if "" in channels:
        raise ValueError(f"path: {path!r}: a channel is empty; write a name before and after each ' > '")
    return channels
