"""Checks one event against the event contract: the result is an event, or the reason for a dead letter."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from runtime.attribution_job.events.contract import REFUND, Contract
from runtime.attribution_job.events.values import REPEATED, RefusedError, Repairs, require
from runtime.attribution_job.events.values.flags import check_version, read_flag, read_revision
from runtime.attribution_job.events.values.ids import read_id
from runtime.attribution_job.events.values.items import read_items
from runtime.attribution_job.events.values.labels import read_label
from runtime.attribution_job.events.values.money import read_amount, read_currency
from runtime.attribution_job.events.values.numbers import parse_number
from runtime.attribution_job.events.values.robots import is_robot, is_robots_device
from runtime.attribution_job.events.values.times import correct_clock, read_time
from runtime.attribution_job.events.values.traffic import read_traffic

__all__ = ["MAX_BYTES", "RefusedError", "contract_of", "parse_object", "read_event", "read_value"]

MAX_BYTES = 1024 * 1024
# Every Python reads this many levels. How many more it reads depends on its version.
MAX_DEPTH = 100
# Names of unknown fields are kept, and their values are not. Anything else than a usual name could be data of a person.
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
OTHER_NAME = "(other)"
MOST_NAMES = 20
STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)


def _mark_repeated_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                value[name] = REPEATED
            seen.add(name)
    return value


DECODER = json.JSONDecoder(
    object_pairs_hook=_mark_repeated_fields,
    parse_float=parse_number,
    parse_int=parse_number,
    parse_constant=float,
)


def read_event(data: bytes, arrived_at: datetime, contract: Contract) -> dict[str, Any]:
    """Reads the JSON of one event: `parse_object`, then `read_value`."""
    return read_value(parse_object(data), arrived_at, contract)


def parse_object(data: bytes) -> dict[str, Any]:
    """Reads a JSON object. Numbers with a fraction are decimals; NaN and infinities are floats.

    A field that an object has twice has the value REPEATED.

    Raises:
        RefusedError: the bytes are too many, not UTF-8, not JSON, nested too deeply, or no object.
    """
    require(len(data) <= MAX_BYTES, "oversized: more than 1 MiB")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise RefusedError("not UTF-8") from None
    require(_depth(text) <= MAX_DEPTH, f"JSON nested more than {MAX_DEPTH} deep")
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        raise RefusedError("not JSON") from None
    require(isinstance(value, dict), "not a JSON object")
    return dict(value)


def contract_of(value: Mapping[str, Any], stream_contract: Contract) -> Contract:
    """Returns the contract of an event: an event with a `refund_id` in the checkouts stream is a refund."""
    is_refund = stream_contract.kind == "checkout" and value.get("refund_id") is not None
    return REFUND if is_refund else stream_contract


def read_value(value: Mapping[str, Any], arrived_at: datetime, contract: Contract) -> dict[str, Any]:
    """Reads the fields of one event.

    Returns:
        The columns of `event_schema`, apart from those of the record. `repairs` and `unknown_names` are sorted lists;
        `unknown_names` has OTHER_NAME in place of all names that NAME does not match, and at most MOST_NAMES.

    Raises:
        RefusedError: the event breaks a rule; the message states the first broken rule.
    """
    for field in contract.required:
        if value.get(field) is REPEATED:
            raise RefusedError(f"a field twice: {field}")
    repairs: Repairs = set()
    check_version(value.get("schema_version"), repairs)
    event: dict[str, Any] = {field: read_id(value.get(field), field, repairs) for field in contract.ids}
    stated = read_time(value.get(contract.timestamp), contract.timestamp, repairs)
    if contract.amount:
        negative = "negative: send a refund" if contract.sale else "negative"
        event[contract.amount] = read_amount(value.get(contract.amount), contract.amount, repairs, negative=negative)
        event["currency"] = read_currency(value.get("currency"), repairs)
    event[contract.timestamp], event["stated_timestamp"] = correct_clock(
        stated, value.get("sent_at"), arrived_at, repairs
    )
    event |= {label: read_label(value.get(label), repairs) for label in contract.labels}
    event |= {flag: read_flag(value.get(flag), repairs) for flag in contract.flags}
    if contract.sale:
        event["items"] = read_items(value.get("items"), repairs)
        event["revision"] = read_revision(value.get("revision"), repairs)
    if "utm_source" in contract.labels:
        user_agent = read_label(value.get("user_agent"), repairs)
        event["is_bot"] |= is_robots_device(event["device_type"]) or is_robot(user_agent or "")
        event |= read_traffic(event, repairs)
    event["repairs"] = sorted(repairs)
    unknown = value.keys() - contract.fields
    event["unknown_fields"] = len(unknown)
    event["unknown_names"] = sorted({name if NAME.fullmatch(name) else OTHER_NAME for name in unknown})[:MOST_NAMES]
    return event


def _depth(text: str) -> int:
    """Returns the number of levels of nested lists and objects. Few brackets are not looked at one by one."""
    brackets = text.count("[") + text.count("{")
    if brackets <= MAX_DEPTH:
        return brackets
    depth = deepest = 0
    for match in STRING_OR_BRACKET.finditer(text):
        if match[0] in ("[", "{"):
            depth += 1
        elif match[0] in ("]", "}"):
            depth -= 1
        deepest = max(deepest, depth)
    return deepest
