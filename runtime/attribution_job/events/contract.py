"""The event contract: the fields of clicks and checkouts, by type."""

from collections.abc import Sequence
from dataclasses import dataclass

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The fields of one kind of event.

    `ids` (the event's own id first) and `timestamp` are required. `labels` are optional. A `sale` also has required
    `total_amount` and `currency`, and optional `items`.
    """

    ids: Sequence[str]
    timestamp: str
    labels: Sequence[str]
    sale: bool

    @property
    def id(self) -> str:
        return self.ids[0]

    @property
    def required(self) -> list[str]:
        return [*self.ids, self.timestamp, *(["total_amount", "currency"] if self.sale else [])]

    @property
    def texts(self) -> list[str]:
        """The fields that are JSON strings."""
        return [*self.required, *self.labels]

    @property
    def fields(self) -> list[str]:
        return [*self.texts, *(["items"] if self.sale else []), "schema_version"]


CLICK = Contract(
    ids=("click_id", "user_id"),
    timestamp="click_timestamp",
    labels=(
        "session_id", "product_id", "page_url", "utm_source", "utm_medium", "utm_campaign", "device_type",
    ),
    sale=False,
)  # fmt: skip
CHECKOUT = Contract(
    ids=("checkout_id", "user_id"),
    timestamp="checkout_timestamp",
    labels=("session_id", "payment_method"),
    sale=True,
)
