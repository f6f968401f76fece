"""Events of a record: the second implementation of the event contract, independent of the job's code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

from crawleruseragents import is_crawler  # type: ignore[import-untyped]

from local.reconciliation.contract.channels import UTM, read_channel
from local.reconciliation.contract.framing import unpack
from local.reconciliation.contract.json_text import Object
from local.reconciliation.contract.times import EPOCH, TimeError, read_time
from local.reconciliation.contract.values import (
    RefusedError,
    check_schema_version,
    read_amount,
    read_currency,
    read_flag,
    read_id,
    read_items,
    read_label,
    read_revision,
)
from runtime.data_generator.events import Stream

Kind: TypeAlias = Literal["click", "checkout", "refund"]
# User, time and the other values.
Content: TypeAlias = tuple[object, ...]

MAX_AHEAD = timedelta(minutes=5)
LABELS: Mapping[Kind, tuple[str, ...]] = {
    "click": (
        "session_id", "product_id", "page_url", *UTM, "device_type", "referrer", "experiment_id", "variant",
    ),
    "checkout": ("session_id", "payment_method"),
    "refund": (),
}  # fmt: skip
REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    "click": ("click_id", "user_id", "click_timestamp"),
    "checkout": ("checkout_id", "user_id", "checkout_timestamp", "total_amount", "currency"),
    "refund": ("refund_id", "checkout_id", "user_id", "refund_timestamp", "amount", "currency"),
}
OPTIONAL: Mapping[Kind, tuple[str, ...]] = {
    "click": (*LABELS["click"], "user_agent", "is_bot", "sent_at", "schema_version"),
    "checkout": (*LABELS["checkout"], "items", "revision", "cancelled", "test", "sent_at", "schema_version"),
    "refund": ("sent_at", "schema_version"),
}


@dataclass(frozen=True)
class Event:
    """An accepted event.

    `amount`, `currency`: of checkouts and refunds. `checkout_id`: of a refund. `details` holds the other columns:
    labels, items, the times of arrival and as stated, repairs and the number of unknown fields.
    """

    kind: Kind
    id: str
    user_id: str
    at: datetime
    amount: Decimal | None = None
    currency: str | None = None
    checkout_id: str | None = None
    revision: int = 0
    cancelled: bool = False
    test: bool = False
    is_bot: bool = False
    details: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def content(self) -> Content:
        """The values in which an exact copy equals the event. Whether it is cancelled is not one of them."""
        items = [tuple(item.values()) for item in self.details.get("items") or ()]
        labels = [self.details.get(name) for name in LABELS[self.kind]]
        at = self.details.get("stated_timestamp") or self.at
        flags = (self.test, self.is_bot)
        return (self.user_id, at, self.amount, self.currency, self.checkout_id, *flags, *labels, tuple(items))


class Outcome(NamedTuple):
    """An event, or a part of the record that is refused with a reason, or (neither) ignored."""

    data: bytes
    event: Event | None = None
    reason: str | None = None


def read_record(stream: Stream, data: bytes, arrived_at: datetime) -> list[Outcome]:
    """Returns the outcomes of a record's pieces, in the order of their indexes: at least one."""
    outcomes = []
    for piece in unpack(data):
        event, reason = None, piece.reason
        if piece.value is not None:
            try:
                event = read_event(stream, piece.value, arrived_at)
            except RefusedError as error:
                reason = str(error)
        outcomes.append(Outcome(piece.data, event, reason))
    return outcomes


def read_event(stream: Stream, value: Object, arrived_at: datetime) -> Event:
    """Reads one event.

    Raises:
        RefusedError: the event breaks the contract, so it belongs in dead_letters.
    """
    kind = kind_of(stream, value)
    repairs: set[str] = set()
    fields = _unambiguous_fields(kind, value, repairs)
    check_schema_version(fields.get("schema_version"), repairs)
    event_id, user_id = (read_id(name, fields.get(name), repairs) for name in (f"{kind}_id", "user_id"))
    at, stated = _event_time(f"{kind}_timestamp", fields, arrived_at, repairs)
    unknown_fields = len(value.keys() - {*REQUIRED[kind], *OPTIONAL[kind]})
    details: dict[str, Any] = {"arrived_at": arrived_at, "stated_timestamp": stated, "unknown_fields": unknown_fields}
    labels = {name: read_label(fields.get(name), repairs) for name in LABELS[kind]}
    optional: dict[str, Any] = {}
    if kind == "click":
        labels |= read_channel(labels, repairs)
        optional["is_bot"] = _is_robot(fields, labels, repairs)
    else:
        amount_name = "total_amount" if kind == "checkout" else "amount"
        optional["amount"] = read_amount(amount_name, fields.get(amount_name), repairs)
        optional["currency"] = read_currency(fields.get("currency"), repairs)
    if kind == "checkout":
        details["items"] = read_items(fields.get("items"), repairs)
        optional["revision"] = read_revision(fields.get("revision"), repairs)
        optional |= {name: read_flag(fields.get(name), repairs) for name in ("cancelled", "test")}
    elif kind == "refund":
        optional["checkout_id"] = read_id("checkout_id", fields.get("checkout_id"), repairs)
    return Event(kind, event_id, user_id, at, **optional, details=details | labels | {"repairs": sorted(repairs)})


def kind_of(stream: Stream, value: Mapping[str, Any]) -> Kind:
    if stream == "clicks":
        return "click"
    return "refund" if value.get("refund_id") is not None else "checkout"


def _unambiguous_fields(kind: Kind, value: Object, repairs: set[str]) -> Mapping[str, Any]:
    """Returns the fields without the optional ones that the event has twice."""
    for name in REQUIRED[kind]:
        if name in value.twice:
            raise RefusedError(f"a field twice: {name}")
    twice = value.twice.intersection(OPTIONAL[kind])
    if twice:
        repairs.add("unusable_fields")
    return {name: content for name, content in value.items() if name not in twice}


def _event_time(
    name: str, fields: Mapping[str, Any], arrived_at: datetime, repairs: set[str]
) -> tuple[datetime, datetime | None]:
    """Returns the time of the event and, if its sender's clock was ahead, the time that it stated."""
    if fields.get(name) is None:
        raise RefusedError(f"{name}: missing")
    try:
        stated, is_number = read_time(fields[name])
    except TimeError as error:
        raise RefusedError(f"{name}: {error}") from error
    if is_number:
        repairs.add("time_from_number")
    sent_at = _sent_at(fields.get("sent_at"), repairs)
    if stated <= arrived_at + MAX_AHEAD:
        return stated, None
    repairs.add("clock_corrected")
    corrected = _corrected(stated, sent_at, arrived_at) if sent_at else arrived_at
    return corrected, stated


def _corrected(stated: datetime, sent_at: datetime, arrived_at: datetime) -> datetime:
    """Returns the time by the clock of the arrival, or the arrival where that would be later or before 1970."""
    age = sent_at - stated
    return arrived_at - age if timedelta(0) <= age <= arrived_at - EPOCH else arrived_at


def _sent_at(value: object, repairs: set[str]) -> datetime | None:
    if value is None:
        return None
    try:
        sent_at, is_number = read_time(value)
    except TimeError:
        repairs.add("unusable_fields")
        return None
    repairs.update(["time_from_number"] if is_number else [])
    return sent_at


def _is_robot(fields: Mapping[str, Any], labels: Mapping[str, str | None], repairs: set[str]) -> bool:
    flag = read_flag(fields.get("is_bot"), repairs)
    user_agent = read_label(fields.get("user_agent"), repairs)
    return flag or (labels["device_type"] or "").strip().lower() == "bot" or names_itself_a_robot(user_agent or "")


@lru_cache(maxsize=10_000)
def names_itself_a_robot(user_agent: str) -> bool:
    return bool(user_agent) and is_crawler(user_agent)
