"""Calibration of the models on weeks that they have not seen: points of a plot of predicted against observed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.segments.bg_nbd import BgNbd
from runtime.analytics.segments.histories import HeldOut

Values = NDArray[np.float64]

POINTS = 10


@dataclass(frozen=True)
class Point:
    """A group of customers with about the same predicted probability, and what they did.

    Attributes:
        customers: number of customers.
        predicted_probability: mean probability of buying again in the held-out weeks.
        observed_share: share of the customers who did.
        predicted_purchases: mean expected number of purchases in the held-out weeks.
        observed_purchases: mean number of purchases in them.
    """

    customers: int
    predicted_probability: float
    observed_share: float
    predicted_purchases: float
    observed_purchases: float


def calibration(model: BgNbd, held_out: HeldOut, points: int = POINTS) -> Sequence[Point]:
    """Returns points of groups of about the same size, from the lowest probability to the highest.

    Customers with the same probability are in the same group. So groups differ in size, and there may be fewer.
    """
    histories, purchases = held_out.histories, held_out.purchases
    probability = model.repeat_probability(histories, held_out.weeks)
    expected = model.expected_purchases(histories, held_out.weeks)
    customers = histories.customers
    order = np.argsort(probability, kind="stable")
    # Place of a customer among all, in shares of all: equal probabilities share the place of their first customer.
    below = np.concatenate(([0.0], np.cumsum(customers[order])[:-1]))
    first = np.searchsorted(probability[order], probability[order], side="left")
    group = np.floor(points * below[first] / customers.sum()).astype(int)
    return [
        _point(customers[members], probability[members], expected[members], purchases[members])
        for members in (order[group == number] for number in np.unique(group))
    ]


def _point(customers: Values, probability: Values, expected: Values, purchases: Values) -> Point:
    return Point(
        customers=int(customers.sum()),
        predicted_probability=float(np.average(probability, weights=customers)),
        observed_share=float(np.average(purchases > 0, weights=customers)),
        predicted_purchases=float(np.average(expected, weights=customers)),
        observed_purchases=float(np.average(purchases, weights=customers)),
    )
