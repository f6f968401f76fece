"""The event contract: which fields an event has, and of which type."""

from collections.abc import Sequence
from dataclasses import dataclass

SCHEMA_VERSION = "1"
# A string without escapes, and a list without lists in it; what is in the list is checked by value.
PLAIN_STRING = r'"[^"\\\x00-\x1f]*+"'
PLAIN_LIST = rf"\[(?:[^\[\]\"\\]|{PLAIN_STRING})*+\]"


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The fields of one kind of event; ids and the timestamp are required, labels may be missing."""

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

    @property
    def plain(self) -> str:
        """Matches an object that has only fields of the contract, all of the right type; one may be there twice."""
        names = "|".join(self.required)
        values = [rf'"(?:{names})": ?{PLAIN_STRING}', rf'"(?:{"|".join(self.labels)})": ?(?:{PLAIN_STRING}|null)']
        values += [rf'"items": ?(?:{PLAIN_LIST}|null)'] if self.sale else []
        field = f'(?:{"|".join(values)}|"schema_version": ?{SCHEMA_VERSION})'
        return rf"^\{{{field}(?:, ?{field})*+\}}\z"

    @property
    def columns(self) -> list[str]:
        """What an accepted event consists of, in this order."""
        return [*self.fields[:-1], "arrived_at", "sequence_number"]


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
