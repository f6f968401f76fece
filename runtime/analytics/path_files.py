"""Reading and checking of path files: aggregated paths as delimited text."""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

from runtime.analytics.command_files import read_table
from runtime.analytics.loading import cells
from runtime.analytics.models.path_totals import PathTotals

REQUIRED = ("path", "conversions")
OPTIONAL = ("value", "nulls")
# A ">" that stands alone, so that "A > > B" has an empty channel instead of the channel "> B".
SEPARATOR = re.compile(r"(?:^|(?<=\s))>(?=\s|$)")


def read_paths(content: bytes, digits: int) -> list[PathTotals]:
    """Returns the paths of a file, in its order. `digits`: decimals that a value may have.

    Raises:
        FileError: the content is not delimited text with the columns of a path file, or a row has an error.
    """
    return list(read_table(content, REQUIRED, OPTIONAL, lambda row: _path(row, digits)))


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
