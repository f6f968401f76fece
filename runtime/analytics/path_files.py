"""Reading and checking of path files: aggregated paths as delimited text."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from runtime.analytics.loading import cells
from runtime.analytics.loading.delimited_text import Layout, find_encoding, find_layout, reason
from runtime.analytics.models.path_totals import PathTotals

REQUIRED = ("path", "conversions")
OPTIONAL = ("value", "nulls")
# A ">" that stands alone, so that "A > > B" has an empty channel instead of the channel "> B".
SEPARATOR = re.compile(r"(?:^|(?<=\s))>(?=\s|$)")
MAX_CELL_CHARACTERS = 16 * 1024 * 1024
REPORTED_PROBLEMS = 20


class PathFileError(Exception):
    """A path file cannot be used. The message names the lines and the remedies."""


def read_paths(content: bytes, digits: int) -> list[PathTotals]:
    """Returns the paths of a file, in its order. `digits`: decimals that a value may have.

    Raises:
        PathFileError: the content is not delimited text with the columns of a path file, or a row has an error.
    """
    text = _decode(content)
    layout = find_layout(list(io.StringIO(text, newline="")))
    if layout is None:
        raise PathFileError(f"no header; the first line names the columns: {','.join(REQUIRED + OPTIONAL)}")
    _check_header(layout.columns)
    paths, problems = [], []
    for line, row in _rows(text, layout):
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


def _decode(content: bytes) -> str:
    encoding, mark = find_encoding(content)
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        place = f" on line {line}" if encoding == "UTF-8" else ""
        raise PathFileError(f"not {encoding} text{place}; save the file as CSV in UTF-8") from None
    if "\0" in text:
        raise PathFileError("not a text file; save it as CSV in UTF-8")
    return text


def _check_header(columns: Sequence[str]) -> None:
    names = [column.lower() for column in columns]
    missing = [name for name in REQUIRED if name not in names]
    repeated = [name for name in REQUIRED + OPTIONAL if names.count(name) > 1]
    if missing:
        raise PathFileError(f"the header has no column {' and no column '.join(missing)}, only {', '.join(columns)}")
    if repeated:
        raise PathFileError(f"the header has the column {repeated[0]} more than once; remove one of them")


def _rows(text: str, layout: Layout) -> Iterator[tuple[int, dict[str, str] | str]]:
    """Yields each row with its line in the file: its cells by column, or the reason why it has none."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    lines = io.StringIO(text, newline="")
    for _ in range(layout.skipped_lines):
        next(lines)
    columns = [name.lower() for name in layout.columns]
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
        if not any(row):
            continue
        if len(row) == len(columns):
            yield line, dict(zip(columns, row, strict=True))
        else:
            cell_count = "1 cell" if len(row) == 1 else f"{len(row)} cells"
            yield line, f"{cell_count}, but the header has {len(columns)}; quote a cell that holds {layout.delimiter!r}"


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
