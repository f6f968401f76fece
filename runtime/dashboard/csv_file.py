"""A panel's rows as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

# A spreadsheet takes a cell that begins with one of these for a formula; the last four are the full-width forms:
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def text(columns: Sequence[Mapping[str, Any]], rows: Sequence[Sequence[Any]]) -> str:
    """Returns the rows under the columns' names. Text that a spreadsheet would take for a formula begins with `'`."""
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow([_cell(column["name"], "text") for column in columns])
    units = [column["unit"] for column in columns]
    writer.writerows([_cell(value, unit) for value, unit in zip(row, units, strict=True)] for row in rows)
    return output.getvalue()


def _cell(value: Any, unit: str) -> Any:
    """Returns a cell. Negative amounts begin with "-" too, and are numbers, so only text is changed."""
    if unit == "text" and isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
