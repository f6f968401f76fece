"""Reading and checking of series files: a column of times and one or several of values, as delimited text."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from runtime.analytics.anomalies.series import Floats, means_by_cell
from runtime.analytics.command_files import FileError, read_table
from runtime.analytics.loading.cells import GROUPED_DIGITS
from runtime.analytics.loading.delimited_rows import decode
from runtime.analytics.loading.delimited_text import find_layout

TIME = "timestamp"
MISSING = frozenset({"", "nan", "na", "n/a", "null", "none"})
UNIX_SECONDS, UNIX_MILLISECONDS = re.compile(r"\d{9,10}(\.\d+)?", re.ASCII), re.compile(r"\d{12,13}", re.ASCII)
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Sums of squares of larger numbers would overflow.
LARGEST = 1e100
# Blank lines, a line that names the delimiter, the header.
HEADER_LINES = 1_000


@dataclass(frozen=True)
class SeriesFile:
    """The rows of a file in the order of time. `times`: seconds since 1970. NaN: no value."""

    times: Floats
    columns: Mapping[str, Floats]
    rows_without_zone: int
    repeated_times: int


def read_series(content: bytes) -> SeriesFile:
    """Returns the series of a file. Rows of the same time become one with the means of their values.

    Raises:
        FileError: the content is not delimited text with the columns of a series file, or a row has an error.
    """
    columns = _value_columns(content)
    rows_without_zone = 0
    cells: list[list[float]] = [[] for _ in (TIME, *columns)]
    time_cells, *value_cells = cells

    def convert(row: Mapping[str, str]) -> None:
        nonlocal rows_without_zone
        time, has_zone = _time(row[TIME])
        values = [_value(column, row[column]) for column in columns]
        rows_without_zone += not has_zone
        time_cells.append(time)
        for column, value in zip(value_cells, values, strict=True):
            column.append(value)

    for _ in read_table(content, (TIME,), columns, convert):
        pass
    if not time_cells:
        raise FileError("no rows below the header; write a row for each time")
    times, places, counts = np.unique(np.array(time_cells), return_inverse=True, return_counts=True)
    means = {
        name: means_by_cell(np.array(column), places, len(times))
        for name, column in zip(columns, value_cells, strict=True)
    }
    return SeriesFile(times, means, rows_without_zone, int((counts - 1).sum()))


def _value_columns(content: bytes) -> Sequence[str]:
    try:
        layout = find_layout(list(io.StringIO(decode(content), newline=""))[:HEADER_LINES])
    except ValueError as error:
        raise FileError(str(error)) from None
    names = [column.lower() for column in layout.columns if column] if layout else []
    columns = [name for name in names if name != TIME]
    if TIME in names and not columns:
        raise FileError(
            f"the header has no column of values beside {TIME}; the first line names the columns: {TIME},value"
        )
    return list(dict.fromkeys(columns)) or ["value"]


def _time(cell: str) -> tuple[float, bool]:
    """Returns the seconds since 1970, and whether the cell determines them without assuming a zone."""
    if UNIX_SECONDS.fullmatch(cell):
        return float(cell), True
    if UNIX_MILLISECONDS.fullmatch(cell):
        return float(cell) / 1000, True
    try:
        time = datetime.fromisoformat(cell)
    except ValueError:
        problem = f"{cell!r}: is no time" if cell else "is empty"
        raise ValueError(f"{TIME}: {problem}; write it like 2026-03-01T14:05:00Z") from None
    if time.tzinfo is None:
        return time.replace(tzinfo=UTC).timestamp(), False
    return time.timestamp(), True


def _value(column: str, cell: str) -> float:
    if NUMBER.fullmatch(cell):
        value = float(cell)
        if not abs(value) <= LARGEST:
            raise ValueError(f"{column}: {cell!r}: is beyond {LARGEST:g}; is it the right number?")
        return value
    if cell.lower() in MISSING:
        return math.nan
    if GROUPED_DIGITS.fullmatch(cell) and any(map(str.isdigit, cell)):
        raise ValueError(f"{column}: {cell!r}: has a decimal comma or a thousands separator; write it like 1234.5")
    raise ValueError(
        f"{column}: {cell!r}: is no number; write it like 1234.5, or leave it empty where there is no value"
    )
