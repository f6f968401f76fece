"""JMESPath's functions with exact decimals, and the functions that JMESPath lacks.

Each function of ours gives null for a value that it cannot use, so that `||` can name the next choice.
"""

import json
import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from jmespath import functions
from jmespath.functions import signature

from runtime.attribution_job.events.values import RefusedError
from runtime.attribution_job.events.values.numbers import exact, parse_number, spell
from runtime.attribution_job.events.values.times import EPOCH, read_time

TIME_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?", re.ASCII)
MOST_DECIMALS = 9


class Functions(functions.Functions):
    """The functions of every mapping. JSON numbers with a fraction are `Decimal`, and stay exact."""

    def _get_allowed_pytypes(self, types: list[str]) -> tuple[list[str], list[tuple[str, ...]]]:
        # JMESPath compares names of types, and does not know Decimal. requirements.txt pins the version of this method.
        allowed, subtypes = super()._get_allowed_pytypes(types)  # type: ignore[misc]
        return _with_decimal(allowed), [tuple(_with_decimal(list(names))) for names in subtypes]

    def _convert_to_jmespath_type(self, name: str) -> str:
        return "number" if name == "Decimal" else str(super()._convert_to_jmespath_type(name))  # type: ignore[misc]

    @signature({"types": []})
    def _func_type(self, value: Any) -> str | None:
        return self._convert_to_jmespath_type(type(value).__name__)

    @signature({"types": []})
    def _func_to_number(self, value: Any) -> Decimal | None:
        """Returns a number, or the number in a text, as an exact decimal."""
        return exact(value)

    @signature({"types": []})
    def _func_to_string(self, value: Any) -> str | None:
        """Returns a value as text. Null stays null: JMESPath's own function would invent the text `null`."""
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, Decimal):
            return spell(value)
        return json.dumps(value, separators=(",", ":"), default=_decimal_text)

    @signature({"types": []})
    def _func_lower(self, value: Any) -> str | None:
        """Returns a text in lower case."""
        return value.lower() if isinstance(value, str) else None

    @signature({"types": []}, {"types": []})
    def _func_split(self, value: Any, separator: Any) -> list[str] | None:
        """Returns the parts of a text between separators."""
        return value.split(separator) if isinstance(value, str) and isinstance(separator, str) and separator else None

    @signature({"types": []})
    def _func_json(self, value: Any) -> Any:
        """Returns the value of a text of JSON; a value that is no text stays as it is."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value, parse_float=parse_number)
        except (ValueError, RecursionError):
            return None

    @signature({"types": []}, {"types": ["number"]})
    def _func_minor_units(self, value: Any, digits: int) -> str | None:
        """Returns an amount in minor units as decimal text: `minor_units(1990, 2)` is 19.90."""
        number = exact(value)
        return spell(number.scaleb(-digits)) if number is not None and digits in range(MOST_DECIMALS + 1) else None

    @signature({"types": []})
    def _func_utc(self, value: Any) -> Any:
        """Returns a time that states no zone as a time in UTC; other values stay as they are."""
        if isinstance(value, str) and TIME_WITHOUT_ZONE.fullmatch(value.strip()):
            return value.strip() + "Z"
        return value

    @signature({"types": []})
    def _func_epoch_ms(self, value: Any) -> int | None:
        """Returns a time as milliseconds since 1970."""
        try:
            return (read_time(value, "time", set()) - EPOCH) // timedelta(milliseconds=1)
        except RefusedError:
            return None


def _with_decimal(names: list[str]) -> list[str]:
    return [*names, "Decimal"] if "int" in names else names


def _decimal_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return spell(value)
    raise TypeError(f"{value!r} is no JSON")
