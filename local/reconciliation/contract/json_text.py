"""JSON as the contract reads it: exact numbers, and objects that know which fields they have twice."""

import json
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import Any

WHITE_SPACE = " \t\r\n\v\f"
SPACE = re.compile(f"[\ufeff{WHITE_SPACE}]*")
# The most digits that every Python converts to an integer.
MAX_INTEGER_DIGITS = 4000


class Object(dict[str, Any]):
    """A JSON object. `twice`: the names of the fields that it has more than once."""

    twice: frozenset[str] = frozenset()


def _object(pairs: list[tuple[str, Any]]) -> Object:
    value = Object(pairs)
    if len(value) != len(pairs):
        value.twice = frozenset(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return value


def _integer(text: str) -> int | Decimal | float:
    return int(text) if len(text) <= MAX_INTEGER_DIGITS else _decimal(text)


def _decimal(text: str) -> Decimal | float:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of more digits than Decimal holds
        return float("nan")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer)


def decode_at(text: str, position: int) -> tuple[Any, int]:
    """Decodes the JSON value at `position`; returns it and its end.

    Raises:
        ValueError: the text is not JSON.
        RecursionError: the value is nested too deep.
    """
    return _decoder.raw_decode(text, position)


def skip_space(text: str, position: int) -> int:
    match = SPACE.match(text, position)
    return match.end() if match else position
