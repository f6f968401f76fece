"""Summaries of a metric by variant: users, mean and variance.

All statistics of an experiment take numpy arrays, or scalars, and broadcast: a scalar control against an array of
treatments, or thousands of simulated experiments at once.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]

# Share of the sum of squares by which rounded sums may fall short of the least possible sum of squares.
ROUNDING = Fraction(1, 10**9)


@dataclass(frozen=True)
class Sample:
    """A metric of the users of a variant.

    Attributes:
        users: number of users.
        mean: mean of the metric by user.
        variance: variance of the metric between users; nan where there are too few of them.
    """

    users: Values
    mean: Values
    variance: Values


def sample(users: float, mean: float, variance: float) -> Sample:
    return Sample(np.asarray(users, np.float64), np.asarray(mean), np.asarray(variance))


def sample_of_rates(users: ArrayLike, conversions: ArrayLike) -> Sample:
    """Returns the conversion rate; nan without users."""
    count = np.asarray(users, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.asarray(conversions, np.float64) / count
    return Sample(count, rate, rate * (1 - rate))


def sample_of_sums(users: int, total: Fraction, total_of_squares: Fraction) -> Sample:
    """Returns the metric that has these sums over users, computed without rounding until the end.

    Raises:
        ValueError: no `users` values can have these sums.
    """
    if not users:
        if total or total_of_squares:
            raise ValueError("no users, but a sum")
        return sample(0, math.nan, math.nan)
    deviations = total_of_squares - total**2 / users
    if deviations < -ROUNDING * total_of_squares:
        raise ValueError(f"below sum²/users = {float(total**2 / users):.6g}, which is the least that is possible")
    variance = float(max(deviations, Fraction()) / (users - 1)) if users > 1 else math.nan
    return sample(users, float(total / users), variance)
