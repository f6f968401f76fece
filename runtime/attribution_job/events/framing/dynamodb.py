"""DynamoDB's typed JSON as plain JSON: `{"price": {"N": "39.90"}}` becomes `{"price": 39.90}`."""

import json
import re
from collections.abc import Iterable
from typing import Any

from runtime.attribution_job.events.framing.parts import FramingError

NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
NO_ATTRIBUTES = "DynamoDB item: expected typed values"


def plain_json(item: bytes) -> bytes:
    """Converts the typed JSON of an item. Numbers keep their digits.

    Raises:
        FramingError: the item is not typed JSON.
    """
    try:
        return _object(json.loads(item)).encode()
    except (ValueError, RecursionError):
        raise FramingError(NO_ATTRIBUTES) from None


def _object(attributes: Any) -> str:
    _require(isinstance(attributes, dict))
    members = [f"{json.dumps(name)}:{_value(value)}" for name, value in attributes.items()]
    return "{" + ",".join(members) + "}"


def _value(attribute: Any) -> str:
    _require(isinstance(attribute, dict) and len(attribute) == 1)
    ((kind, value),) = attribute.items()
    match kind:
        case "M":
            return _object(value)
        case "L":
            _require(isinstance(value, list))
            return _list(map(_value, value))
        case "NS":
            _require(isinstance(value, list))
            return _list(map(_number, value))
        case "N":
            return _number(value)
        case "NULL":
            return "null"
        case "S" | "B" | "BOOL" | "SS" | "BS":
            return json.dumps(value)
    raise ValueError(NO_ATTRIBUTES)


def _list(values: Iterable[str]) -> str:
    return "[" + ",".join(values) + "]"


def _number(value: Any) -> str:
    _require(isinstance(value, str))
    return value if NUMBER.fullmatch(value) else json.dumps(value)


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError(NO_ATTRIBUTES)
