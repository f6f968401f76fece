"""The event contract: the fields of clicks, checkouts and refunds, by the way in which each is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

SCHEMA_VERSION = 1

Kind = Literal["click", "checkout", "refund"]


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The fields of one kind of event.

    Attributes:
        ids: the ids, the event's own id first. Required.
        timestamp: the event time. Required.
        amount: the field of the amount, if the kind has one. Required, and so is `currency` then.
        labels: optional texts.
        flags: optional truth values, false by default.
        sale: whether the kind has the optional fields `items` and `revision`.
        hints: optional fields that help to read the others and are not stored.
    """

    kind: Kind
    ids: Sequence[str]
    timestamp: str
    amount: str | None = None
    labels: Sequence[str] = ()
    flags: Sequence[str] = ()
    sale: bool = False
    hints: Sequence[str] = ("sent_at",)

    @property
    def id(self) -> str:
        return self.ids[0]

    @cached_property
    def money(self) -> Sequence[str]:
        """The fields of the amount, in the order of their columns."""
        return (self.amount, "currency") if self.amount else ()

    @cached_property
    def required(self) -> Sequence[str]:
        return (*self.ids, self.timestamp, *self.money)

    @cached_property
    def stored(self) -> Sequence[str]:
        """The fields that become columns of the same name, in the order of the columns."""
        sale = ("items", "revision") if self.sale else ()
        return (*self.ids, self.timestamp, *self.labels, *self.money, *sale, *self.flags)

    @cached_property
    def fields(self) -> frozenset[str]:
        """All fields of the contract. Any other field of an event is unknown."""
        return frozenset((*self.stored, *self.hints, "schema_version"))


CLICK = Contract(
    kind="click",
    ids=("click_id", "user_id"),
    timestamp="click_timestamp",
    labels=(
        "session_id", "product_id", "page_url", "utm_source", "utm_medium", "utm_campaign", "device_type", "referrer",
        "experiment_id", "variant",
    ),
    flags=("is_bot",),
    hints=("user_agent", "sent_at"),
)  # fmt: skip
CHECKOUT = Contract(
    kind="checkout",
    ids=("checkout_id", "user_id"),
    timestamp="checkout_timestamp",
    amount="total_amount",
    labels=("session_id", "payment_method"),
    flags=("cancelled", "test"),
    sale=True,
)
REFUND = Contract(
    kind="refund",
    ids=("refund_id", "checkout_id", "user_id"),
    timestamp="refund_timestamp",
    amount="amount",
)
CONTRACTS: dict[Kind, Contract] = {contract.kind: contract for contract in (CLICK, CHECKOUT, REFUND)}
