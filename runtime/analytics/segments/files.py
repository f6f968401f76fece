"""Reading and checking of purchase files: purchases and refunds as delimited text."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache

from runtime.analytics.command_files import read_table
from runtime.analytics.loading import cells
from runtime.analytics.segments.purchases import Purchase

REQUIRED = ("customer_id", "date", "amount")

_read_day = lru_cache(maxsize=10_000)(cells.read_day)


def read_purchases(content: bytes) -> Iterator[Purchase]:
    """Yields the purchases of a file, in its order.

    Raises:
        FileError: the content is not delimited text with the columns of a purchase file (before the first purchase), or
            a row has an error (after the last purchase).
    """
    return read_table(content, REQUIRED, (), _purchase)


def _purchase(row: Mapping[str, str]) -> Purchase:
    """Returns the purchase of a row. Raises ValueError with the column, the cell and the remedy."""
    for column in REQUIRED:
        if not row[column]:
            raise ValueError(f"{column}: is empty")
    column = ""
    try:
        column = "customer_id"
        customer_id = cells.read_text(row[column])
        column = "date"
        day = _read_day(row[column])
        column = "amount"
        return Purchase(customer_id, day, _amount(row[column]))
    except ValueError as error:
        raise ValueError(f"{column}: {row[column]!r}: {error}") from None


def _amount(cell: str) -> Decimal:
    """Returns an amount, which is negative for a refund."""
    is_negative = cell.startswith("-") and cell[1:2].isdigit()
    return -cells.read_amount(cell[1:]) if is_negative else cells.read_amount(cell)
