"""Purchase histories of customers, in the form that the models of repeat purchases take."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.segments.purchases import Purchase

Values = NDArray[np.float64]
DAYS_A_WEEK = 7


@dataclass(frozen=True)
class Histories:
    """Histories up to a day, one an entry. All purchases of a day count as one. Times are in weeks.

    Attributes:
        repeat_purchases: days with a purchase, after the first one.
        recency: time from the first to the last purchase.
        age: time from the first purchase to the end.
        repeat_value: mean value of a repeat purchase, net of refunds; 0 without any.
        customers: number of customers with this history.
        customer_ids: their ids, where each entry is one customer.
    """

    repeat_purchases: Values
    recency: Values
    age: Values
    repeat_value: Values
    customers: Values
    customer_ids: Sequence[str] = ()


@dataclass(frozen=True)
class HeldOut:
    """Histories up to a day, and the purchases of the same customers in the weeks after it."""

    histories: Histories
    weeks: int
    purchases: Values


class _Customer:
    """The purchases of a customer. `days`: value of the purchases by day."""

    def __init__(self) -> None:
        self.days: dict[date, Decimal] = defaultdict(Decimal)
        self.refunds = Decimal()


def histories_of(purchases: Iterable[Purchase], as_of: date) -> Histories:
    """Returns the histories of the customers with a purchase up to the day, sorted by their ids."""
    return _histories(_customers(purchases, as_of), as_of)


def hold_out(purchases: Iterable[Purchase], as_of: date, weeks: int) -> HeldOut:
    """Returns the histories up to the day, and what the customers bought in the weeks after it.

    To judge a model: fit it to the histories, and compare its predictions with the purchases.
    """
    end = as_of + timedelta(weeks=weeks)
    known = list(purchases)
    histories = histories_of(known, as_of)
    all_customers = _customers(known, end)
    days = [sum(day > as_of for day in all_customers[name].days) for name in histories.customer_ids]
    return HeldOut(histories, weeks, np.array(days, np.float64))


def _customers(purchases: Iterable[Purchase], as_of: date) -> dict[str, _Customer]:
    customers: dict[str, _Customer] = defaultdict(_Customer)
    for purchase in purchases:
        if purchase.day > as_of:
            continue
        customer = customers[purchase.customer_id]
        if purchase.is_refund:
            customer.refunds -= purchase.amount
        else:
            customer.days[purchase.day] += purchase.amount
    return customers


def _histories(customers: dict[str, _Customer], as_of: date) -> Histories:
    names = sorted(name for name, customer in customers.items() if customer.days)
    rows = np.array([_row(customers[name], as_of) for name in names], np.float64).reshape(-1, 4)
    repeats, recency, age, value = rows.T
    return Histories(repeats, recency, age, value, np.ones(len(names)), names)


def _row(customer: _Customer, as_of: date) -> tuple[int, float, float, float]:
    """Returns the numbers of a history. Refunds reduce the value of all purchases in proportion."""
    first, last = min(customer.days), max(customer.days)
    repeats = len(customer.days) - 1
    value = sum(customer.days.values(), Decimal())
    repeat_value = 0.0
    if repeats and value:
        kept = max(Decimal(), 1 - customer.refunds / value)
        repeat_value = float((value - customer.days[first]) * kept / repeats)
    return repeats, (last - first).days / DAYS_A_WEEK, (as_of - first).days / DAYS_A_WEEK, repeat_value
