"""A second implementation of the event contract, independent of the job's code."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

from runtime.data_generator.events import Stream

MAX_BYTES = 1024 * 1024
MAX_ID_CHARACTERS = 256
MAX_AHEAD = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Java, and therefore Spark, accepts zone offsets of up to 18 hours.
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-](0\d|1[0-7]):[0-5]\d|[+-]18:00)", re.ASCII)
AMOUNT = re.compile(r"\d{1,10}(\.\d{1,2})?", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}")
INFINITE = (float("inf"), -float("inf"))  # json.loads reads 1e999 as infinity.
LABELS: dict[Stream, Sequence[str]] = {
    "clicks": (
        "session_id", "product_id", "page_url", "utm_source", "utm_medium", "utm_campaign", "device_type",
    ),
    "checkouts": ("session_id", "payment_method"),
}  # fmt: skip


class Event(NamedTuple):
    """The compared fields of an event. `amount`, `currency`: of a checkout only."""

    id: str
    user_id: str
    at: datetime
    amount: Decimal | None = None
    currency: str | None = None


class RefusedError(ValueError):
    """A record breaks the contract; the message names the violation."""


def parse(stream: Stream, data: bytes, arrived_at: datetime) -> Event:
    """Parses a record as an event.

    Raises:
        RefusedError: the record breaks the contract, so it belongs in dead_letters.
    """
    event = _json_object(data)
    kind = "click" if stream == "clicks" else "checkout"
    at = _time(event.get(f"{kind}_timestamp"))
    if at > arrived_at + MAX_AHEAD:
        raise RefusedError("timestamp: more than 5 minutes ahead of the arrival")
    if any(not isinstance(event.get(label), str | None) for label in LABELS[stream]):
        raise RefusedError("a label is not a string")
    version = event.get("schema_version")
    if version is not None and (type(version) is not int or version != 1):
        raise RefusedError("schema_version: not 1")
    event_id, user_id = _id(event.get(f"{kind}_id")), _id(event.get("user_id"))
    if stream == "clicks":
        return Event(event_id, user_id, at)
    _check_items(event.get("items"))
    amount, currency = event.get("total_amount"), event.get("currency")
    if not isinstance(amount, str) or not AMOUNT.fullmatch(amount):
        raise RefusedError("total_amount: not a decimal string")
    if not isinstance(currency, str) or not CURRENCY.fullmatch(currency):
        raise RefusedError("currency: not three capital letters")
    return Event(event_id, user_id, at, Decimal(amount), currency)


def _json_object(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BYTES:
        raise RefusedError("larger than 1 MiB")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_without_duplicate_keys, parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise RefusedError("not JSON") from error
    if not isinstance(value, dict):
        raise RefusedError("not a JSON object")
    if b"\\u" in data and _has_lone_surrogates(value):
        raise RefusedError("contains a lone surrogate")
    if b"\\u0000" in data and "\\u0000" in json.dumps(value).replace(r"\\", ""):
        raise RefusedError("contains NUL")
    return value


def _has_lone_surrogates(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _without_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _id(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_CHARACTERS:
        raise RefusedError("id: not a string of 1 to 256 characters")
    return value


def _time(value: object) -> datetime:
    if not isinstance(value, str) or not TIMESTAMP.fullmatch(value):
        raise RefusedError("timestamp: not ISO 8601 with a zone")
    try:
        at = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise RefusedError("timestamp: not ISO 8601 with a zone") from error
    if at < EPOCH:
        raise RefusedError("timestamp: before 1970")
    return at


def _check_items(items: object) -> None:
    if items is None:
        return
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise RefusedError("items: not a list of objects")
    for item in items:
        for name in ("product_id", "unit_price"):
            value = item.get(name)
            if isinstance(value, bool) or not isinstance(value, str | int | float | None) or value in INFINITE:
                raise RefusedError(f"items: {name} is not a string or a finite number")
        quantity = item.get("quantity")
        if quantity is not None and (type(quantity) is not int or not 0 <= quantity < 2**31):
            raise RefusedError("items: quantity is not an integer from 0 to 2147483647")
