"""Exact numbers: JSON numbers and numeric text, never through binary floating point."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
# Longer numbers keep their exponent as text: all digits of 1e999999 would only cost memory.
MAX_DIGITS = 400
# Python refuses to read longer integers, to bound the time that it takes.
MAX_INTEGER_DIGITS = 4_000


def parse_number(text: str) -> int | Decimal | float:
    """Reads the text of a JSON number. Only an exponent that Decimal cannot hold gives a float: infinity."""
    if len(text) <= MAX_INTEGER_DIGITS and text.lstrip("-").isdigit():
        return int(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        return float("inf")


def exact(value: Any) -> Decimal | None:
    """Returns a JSON number or a numeric text as a decimal, or null for anything else."""
    if isinstance(value, str):
        text = value.strip()
        number = parse_number(text) if NUMBER.fullmatch(text) else None
    else:
        number = None if isinstance(value, bool) else value
    if isinstance(number, int):
        return Decimal(number)
    return number if isinstance(number, Decimal) and number.is_finite() else None


def spell(number: int | Decimal) -> str:
    """Returns a number in decimal digits, without an exponent unless it is very long."""
    number = Decimal(number)
    return f"{number:f}" if abs(number.adjusted()) <= MAX_DIGITS else str(number)


def whole(number: int | Decimal) -> int | None:
    """Returns a number without a fraction as an integer, or null for any other one."""
    if isinstance(number, int):
        return number
    if number and (abs(number.adjusted()) > MAX_DIGITS or number != number.to_integral_value()):
        return None
    return int(number)
