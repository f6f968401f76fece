"""Exact numbers from JSON numbers and numeric text."""

import re
from decimal import Decimal, InvalidOperation

NUMERIC = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# More than any amount, id or time has.
MAX_MAGNITUDE = 400


def number(value: object) -> Decimal | None:
    """Returns the value of a JSON number or of numeric text, or null if it is neither or out of bounds."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    if isinstance(value, str) and not NUMERIC.fullmatch(value := value.strip()):
        return None
    try:
        exact = Decimal(value)
    except InvalidOperation:
        return None
    if exact == 0:
        return Decimal(0)
    return exact if abs(exact.adjusted()) <= MAX_MAGNITUDE else None


def integer(value: object) -> int | None:
    """Returns the whole number that a JSON number or numeric text stands for, or null."""
    exact = number(value)
    return int(exact) if exact is not None and exact == exact.to_integral_value() else None
