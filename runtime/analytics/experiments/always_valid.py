"""Always-valid intervals: they hold at every look at a running experiment, for as long as it runs.

The usual interval holds for one look. An experiment that is looked at daily, and stopped when the interval excludes 0,
finds effects that do not exist far more often than alpha says. The asymptotic confidence sequence of Waudby-Smith,
Arbour, Sinha, Kennedy and Ramdas (https://arxiv.org/abs/2103.06476) is wider, and holds however often it is looked at.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from runtime.analytics.experiments.samples import Values

# Users at which the interval is about as narrow as it can be, relative to the usual one.
TUNED_USERS = 5_000


def standard_errors(users: ArrayLike, alpha: float) -> Values:
    """Returns how many standard errors the interval reaches to each side. `users`: of both variants together."""
    squared_rho = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / TUNED_USERS
    information = np.asarray(users, np.float64) * squared_rho
    with np.errstate(divide="ignore", invalid="ignore"):
        # ln(√(information + 1) / alpha), without losing a small `information`.
        logarithm = np.log1p(information) / 2 - math.log(alpha)
        factor: Values = np.sqrt(2 * (information + 1) / information * logarithm)
    return factor
