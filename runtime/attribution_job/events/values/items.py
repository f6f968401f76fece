"""Items of a sale, which are stored as JSON text."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from runtime.attribution_job.events.values import UNUSABLE, Repairs
from runtime.attribution_job.events.values.labels import read_label
from runtime.attribution_job.events.values.numbers import exact, spell, whole

SPELLING = "items_spelling"


def read_items(value: Any, repairs: Repairs) -> str | None:
    """Returns a list of items as JSON text, without entries that are no objects. Null if the value is not a list."""
    if value is None:
        return None
    items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else None
    if items is None or len(items) < len(value):
        repairs.add(UNUSABLE)
    return None if items is None else write_items([_item(item, repairs) for item in items])


def write_items(items: list[Mapping[str, Any]] | None) -> str | None:
    """Returns the items as the JSON text that is stored: null fields are left out."""
    if items is None:
        return None
    return json.dumps([{name: value for name, value in item.items() if value is not None} for item in items])


def _item(item: Mapping[str, Any], repairs: Repairs) -> dict[str, Any]:
    return {
        "product_id": read_label(item.get("product_id"), repairs),
        "quantity": _quantity(item.get("quantity"), repairs),
        "unit_price": _price(item.get("unit_price"), repairs),
    }


def _quantity(value: Any, repairs: Repairs) -> int | float | None:
    """Returns a quantity as a JSON number. It can have a fraction, as goods by weight do, and be negative."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    number = exact(value)
    quantity = None if number is None else _json_number(number)
    if quantity is None:
        repairs.add(UNUSABLE)
    elif isinstance(value, str):
        repairs.add(SPELLING)
    return quantity


def _json_number(number: Decimal) -> int | float | None:
    """Returns a number that Python writes as JSON exactly, or null for more digits than a float has."""
    integer = whole(number)
    if integer is not None:
        return integer
    nearest = float(number)
    return nearest if math.isfinite(nearest) and Decimal(repr(nearest)) == number else None


def _price(value: Any, repairs: Repairs) -> str | None:
    """Returns a price as decimal text, with the digits that were sent."""
    if value is None:
        return None
    number = exact(value)
    price = None if number is None else spell(number)
    if price != value:
        repairs.add(UNUSABLE if price is None else SPELLING)
    return price
