"""The event contract applied to one record: an event, or the reason why it is none."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from runtime.attribution_job.events.contract import SCHEMA_VERSION, Contract

MOST_BYTES = 1024 * 1024
# A B-tree key in PostgreSQL may take 2,704 bytes, and 256 characters are what Kinesis allows a partition key.
MOST_ID_CHARACTERS = 256
MOST_AHEAD = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Offsets of up to 18 hours, as in Java and ISO 8601's users; Python alone would take more.
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-](0\d|1[0-7]):[0-5]\d|[+-]18:00)", re.ASCII)
AMOUNT = re.compile(r"\d{1,10}(\.\d{1,2})?", re.ASCII)  # numeric(12, 2)
CURRENCY = re.compile(r"[A-Z]{3}")
MOST_QUANTITY = 2**31 - 1
# What PostgreSQL's text cannot hold, escaped: NUL, and halves of a surrogate pair. After an escaped backslash such an
# escape is only letters.
NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
LONE_SURROGATE = re.compile(
    r"(?<!\\)(\\\\)*\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})(?<!\\)(\\\\)*\\ud[c-f]",
    re.IGNORECASE,
)
ITEMS = "items: expected a list of {product_id, quantity, unit_price}"


class RefusedError(ValueError):
    """The record breaks the contract; the message is the reason that its dead letter gives."""


def read_event(data: bytes, arrived_at: datetime, contract: Contract) -> dict[str, Any]:
    """The record's values by the contract's `texts`, the timestamp as a datetime, `items` (of a sale) as JSON, and
    `unknown_fields`, how many fields the contract does not know.

    Raises:
        RefusedError: the first thing that is wrong with it.
    """
    event = _json_object(data)
    for field in contract.required:
        _require(field in event, f"{field}: missing")
    for field in sorted(contract.texts):
        _require(isinstance(event.get(field), str | None), f"{field}: expected a string")
    for field in contract.ids:
        _require(
            1 <= len(event[field] or "") <= MOST_ID_CHARACTERS,
            f"{field}: expected 1 to {MOST_ID_CHARACTERS} characters",
        )
    read = {field: event.get(field) for field in contract.texts}
    if contract.sale:
        read["items"] = _sale(event)
    version = event.get("schema_version")
    _require(
        version is None or (isinstance(version, int) and version is not True and version == SCHEMA_VERSION),
        f"schema_version: expected {SCHEMA_VERSION}",
    )
    read[contract.timestamp] = _time(event[contract.timestamp], contract.timestamp, arrived_at)
    return read | {"unknown_fields": len(event.keys() - set(contract.fields))}


def write_items(items: list[Mapping[str, Any]] | None) -> str | None:
    """What a sale's `items` are stored as: of each item the fields of the contract that have a value."""
    if items is None:
        return None
    return json.dumps([{name: value for name, value in item.items() if value is not None} for item in items])


def _json_object(data: bytes) -> dict[str, Any]:
    _require(len(data) <= MOST_BYTES, "oversized: more than 1 MiB")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise RefusedError("not UTF-8") from None
    if "\\u" in text:
        _require(not NUL.search(text), "contains NUL")
        _require(not LONE_SURROGATE.search(text), "contains half a surrogate pair")
    try:
        value = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_not_json)
    except (ValueError, RecursionError):
        raise RefusedError("not JSON") from None
    _require(isinstance(value, dict), "not a JSON object")
    return dict(value)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a field twice")
    return value


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _sale(event: Mapping[str, Any]) -> str | None:
    _require(
        bool(AMOUNT.fullmatch(event["total_amount"] or "")), 'total_amount: expected a decimal string like "19.90"'
    )
    _require(bool(CURRENCY.fullmatch(event["currency"] or "")), 'currency: expected a currency code like "EUR"')
    items = event.get("items")
    if items is None:
        return None
    _require(isinstance(items, list) and all(isinstance(item, dict) for item in items), ITEMS)
    return write_items([_item(item) for item in items])


def _item(item: Mapping[str, Any]) -> dict[str, Any]:
    quantity = item.get("quantity")
    is_count = isinstance(quantity, int) and not isinstance(quantity, bool) and 0 <= quantity <= MOST_QUANTITY
    _require(quantity is None or is_count, ITEMS)
    return {
        "product_id": _item_text(item, "product_id"),
        "quantity": quantity,
        "unit_price": _item_text(item, "unit_price"),
    }


def _item_text(item: Mapping[str, Any], field: str) -> str | None:
    """Credits do not depend on it, so that a price sent as a number is no reason to refuse a sale."""
    value = item.get(field)
    if value is None or isinstance(value, str):
        return value
    _require(isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value), ITEMS)
    return json.dumps(value)


def _time(text: str | None, field: str, arrived_at: datetime) -> datetime:
    expected = f"{field}: expected a time like 2026-11-23T09:30:00.000Z"
    _require(TIMESTAMP.fullmatch(text or ""), expected)
    try:
        at = datetime.fromisoformat(str(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError(expected) from None
    _require(at >= EPOCH, f"{field}: before 1970")
    # A time far in the future would move the watermark for good, and make everything after it late.
    _require(at <= arrived_at + MOST_AHEAD, f"{field}: more than 5 minutes ahead of its arrival")
    return at


def _require(holds: object, reason: str) -> None:
    if not holds:
        raise RefusedError(reason)
