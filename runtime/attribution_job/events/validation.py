"""Checks one record against the event contract: the result is an event, or the reason for a dead letter."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from runtime.attribution_job.events.contract import SCHEMA_VERSION, Contract

MAX_BYTES = 1024 * 1024
# Kinesis allows 256 characters in a partition key. They fit into a B-tree key of PostgreSQL (2,704 bytes).
MAX_ID_CHARACTERS = 256
MAX_AHEAD = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Zone offsets end at 18 hours, as in Java. Python alone would accept more.
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-](0\d|1[0-7]):[0-5]\d|[+-]18:00)", re.ASCII)
AMOUNT = re.compile(r"\d{1,10}(\.\d{1,2})?", re.ASCII)  # numeric(12, 2)
CURRENCY = re.compile(r"[A-Z]{3}")
MAX_QUANTITY = 2**31 - 1
# JSON escapes of characters that PostgreSQL's text cannot hold: NUL and lone surrogates. The look-behinds skip escaped
# backslashes, because the letters after such a backslash are no escape.
NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")
LONE_SURROGATE = re.compile(
    r"(?<!\\)(\\\\)*\\ud[89ab][0-9a-f]{2}(?!\\ud[c-f])|(?<!\\ud[89ab][0-9a-f]{2})(?<!\\)(\\\\)*\\ud[c-f]",
    re.IGNORECASE,
)
ITEMS = "items: expected a list of {product_id, quantity, unit_price}"


class RefusedError(ValueError):
    """The record breaks the contract. The message becomes the `reason` of the dead letter."""


def read_event(data: bytes, arrived_at: datetime, contract: Contract) -> dict[str, Any]:
    """Reads one record as an event of `contract`.

    Returns:
        The contract's `texts` by name, with the timestamp as a datetime; a sale's `items` as JSON text; and
        `unknown_fields`, the number of fields outside the contract.

    Raises:
        RefusedError: the record breaks a rule; the message states the first broken rule.
    """
    event = _json_object(data)
    for field in contract.required:
        _require(field in event, f"{field}: missing")
    for field in sorted(contract.texts):
        _require(isinstance(event.get(field), str | None), f"{field}: expected a string")
    for field in contract.ids:
        _require(
            1 <= len(event[field] or "") <= MAX_ID_CHARACTERS,
            f"{field}: expected 1 to {MAX_ID_CHARACTERS} characters",
        )
    values = {field: event.get(field) for field in contract.texts}
    if contract.sale:
        values["items"] = _sale_items(event)
    version = event.get("schema_version")
    _require(
        version is None or (isinstance(version, int) and version is not True and version == SCHEMA_VERSION),
        f"schema_version: expected {SCHEMA_VERSION}",
    )
    values[contract.timestamp] = _event_time(event[contract.timestamp], contract.timestamp, arrived_at)
    return values | {"unknown_fields": len(event.keys() - set(contract.fields))}


def write_items(items: list[Mapping[str, Any]] | None) -> str | None:
    """Returns the items as the JSON text that is stored: null fields are left out."""
    if items is None:
        return None
    return json.dumps([{name: value for name, value in item.items() if value is not None} for item in items])


def _json_object(data: bytes) -> dict[str, Any]:
    _require(len(data) <= MAX_BYTES, "oversized: more than 1 MiB")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise RefusedError("not UTF-8") from None
    if "\\u" in text:
        _require(not NUL.search(text), "contains NUL")
        _require(not LONE_SURROGATE.search(text), "contains half a surrogate pair")
    try:
        value = json.loads(text, object_pairs_hook=_reject_repeated_fields, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise RefusedError("not JSON") from None
    _require(isinstance(value, dict), "not a JSON object")
    return dict(value)


def _reject_repeated_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("the object has a field twice")
    return value


def _reject_constant(constant: str) -> NoReturn:
    """Rejects NaN and Infinity, which Python's JSON parser accepts by default."""
    raise ValueError(f"{constant} is not JSON")


def _sale_items(event: Mapping[str, Any]) -> str | None:
    """Checks the fields of a sale and returns its `items` as JSON text."""
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
    is_count = isinstance(quantity, int) and not isinstance(quantity, bool) and 0 <= quantity <= MAX_QUANTITY
    _require(quantity is None or is_count, ITEMS)
    return {
        "product_id": _item_text(item, "product_id"),
        "quantity": quantity,
        "unit_price": _item_text(item, "unit_price"),
    }


def _item_text(item: Mapping[str, Any], field: str) -> str | None:
    """Returns the field as text. Numbers are accepted, because credits do not depend on items."""
    value = item.get(field)
    if value is None or isinstance(value, str):
        return value
    _require(isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value), ITEMS)
    return json.dumps(value)


def _event_time(text: str | None, field: str, arrived_at: datetime) -> datetime:
    expected = f"{field}: expected a time like 2026-11-23T09:30:00.000Z"
    _require(TIMESTAMP.fullmatch(text or ""), expected)
    try:
        at = datetime.fromisoformat(str(text)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError(expected) from None
    _require(at >= EPOCH, f"{field}: before 1970")
    # The watermark never moves back: after a time far in the future, all other events would be late.
    _require(at <= arrived_at + MAX_AHEAD, f"{field}: more than 5 minutes ahead of its arrival")
    return at


def _require(condition: object, reason: str) -> None:
    if not condition:
        raise RefusedError(reason)
