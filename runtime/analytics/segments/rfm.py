"""RFM segments: recency, frequency and monetary value of each customer, in fifths, and a name for the first two."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from runtime.analytics.segments.purchases import Purchase

# Rows: R from 5, bought most recently, to 1. Columns: F from 1 to 5, bought most often.
SEGMENTS = {
    5: ("New customers", "Potential loyalists", "Potential loyalists", "Champions", "Champions"),
    4: ("Promising", "Potential loyalists", "Potential loyalists", "Loyal customers", "Loyal customers"),
    3: ("About to sleep", "About to sleep", "Need attention", "Loyal customers", "Loyal customers"),
    2: ("Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose them"),
    1: ("Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose them"),
}


@dataclass
class Totals:
    """The purchases of a customer up to a day.

    Attributes:
        last_day: day of the last purchase; None for refunds only.
        frequency: number of purchases. Two of the same day count twice.
        monetary: value of the purchases, less the refunds.
    """

    last_day: date | None = None
    frequency: int = 0
    monetary: Decimal = Decimal()


@dataclass
class Book:
    """The totals of all customers up to a day, and what was left out. Takes purchases one by one, in any order."""

    as_of: date
    customers: dict[str, Totals] = field(default_factory=dict)
    later_purchases: int = 0

    def add(self, purchases: Iterable[Purchase]) -> None:
        for purchase in purchases:
            if purchase.day > self.as_of:
                self.later_purchases += 1
                continue
            totals = self.customers.setdefault(purchase.customer_id, Totals())
            totals.monetary += purchase.amount
            if not purchase.is_refund:
                totals.frequency += 1
                totals.last_day = max(purchase.day, totals.last_day or purchase.day)


@dataclass(frozen=True)
class CustomerSegment:
    """A customer's values, their fifths from 1 to 5, the best, and the segment."""

    customer_id: str
    recency_days: int
    frequency: int
    monetary: Decimal
    r: int
    f: int
    m: int
    segment: str


def segments(book: Book) -> list[CustomerSegment]:
    """Returns the segments of the customers who have purchased, sorted by their ids."""
    customers = [
        (name, (book.as_of - totals.last_day).days, totals)
        for name, totals in sorted(book.customers.items())
        if totals.last_day is not None
    ]
    recency = fifths([days for _, days, _ in customers])
    frequency = fifths([totals.frequency for _, _, totals in customers])
    monetary = fifths([totals.monetary for _, _, totals in customers])
    return [
        CustomerSegment(
            name, days, totals.frequency, totals.monetary, 6 - late, often, much, SEGMENTS[6 - late][often - 1]
        )
        for (name, days, totals), late, often, much in zip(customers, recency, frequency, monetary, strict=True)
    ]


def fifths(values: Sequence[Any]) -> list[int]:
    """Returns the fifth of each value, from 1, the lowest: 1 + ⌊5 · lower / (n - 1)⌋, at most 5.

    `lower` is the number of values that are lower, n the number of all. So equal values have the same fifth, and the
    lowest value is in fifth 1. Different values whose number is a multiple of 5 make five groups of the same size. The
    same in SQL: least(5, 1 + 5 * (rank() over (order by value) - 1) / greatest(n - 1, 1)).
    """
    lower: dict[Any, int] = {}
    for position, value in enumerate(sorted(values)):
        lower.setdefault(value, position)
    others = max(len(values) - 1, 1)
    fifth = {value: 1 + min(4, 5 * position // others) for value, position in lower.items()}
    return [fifth[value] for value in values]
