"""Conversion rates: the pooled two-proportion z test, and Wilson intervals."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from runtime.analytics.experiments.samples import Values


def z_test(
    control_users: ArrayLike, control_conversions: ArrayLike, users: ArrayLike, conversions: ArrayLike
) -> Values:
    """Returns the two-sided p-value of equal conversion rates, by the z test with the pooled rate.

    It is 1 where nobody or everybody converted, and nan where a variant has no users.
    """
    n1, x1, n2, x2 = (
        np.asarray(value, np.float64) for value in (control_users, control_conversions, users, conversions)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (x1 + x2) / (n1 + n2)
        z = (x2 / n2 - x1 / n1) / np.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    is_constant = ((pooled == 0) | (pooled == 1)) & (n1 > 0) & (n2 > 0)
    p_value: Values = np.where(is_constant, 1.0, 2 * special.ndtr(-np.abs(z)))
    return p_value


def wilson_interval(users: ArrayLike, conversions: ArrayLike, alpha: float) -> tuple[Values, Values]:
    """Returns the ends of Wilson's score interval of a conversion rate; nan without users."""
    n, x = np.asarray(users, np.float64), np.asarray(conversions, np.float64)
    z = -special.ndtri(alpha / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (x + z**2 / 2) / (n + z**2)
        half_width = z / (n + z**2) * np.sqrt(x * (n - x) / n + z**2 / 4)
    # At 0 and at n, rounding would leave the end a hair off 0 or 1.
    low = np.where(x == 0, np.where(n > 0, 0.0, np.nan), centre - half_width)
    high = np.where(x == n, np.where(n > 0, 1.0, np.nan), centre + half_width)
    return low, high
