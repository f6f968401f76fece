"""A purchase or a refund, as the segments see it."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple


class Purchase(NamedTuple):
    """A purchase, whose amount is at least 0, or a refund, whose amount is below 0."""

    customer_id: str
    day: date
    amount: Decimal

    @property
    def is_refund(self) -> bool:
        return self.amount < 0
