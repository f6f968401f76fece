"""Power of the fixed tests: the smallest lift that they detect, and the users and days that a lift needs."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import optimize, special

POWER = 0.8


@dataclass(frozen=True)
class Metric:
    """A metric of the control, by user.

    Attributes:
        mean: above 0.
        variance_at: the variance that the metric has where its mean is another one.
        highest_mean: the largest mean that the metric can have.
    """

    mean: float
    variance_at: Callable[[float], float]
    highest_mean: float = math.inf


def rate_metric(rate: float) -> Metric:
    return Metric(rate, lambda mean: mean * (1 - mean), 1.0)


def mean_metric(mean: float, variance: float) -> Metric:
    """Returns a metric whose variance is that of the control in every variant."""
    return Metric(mean, lambda _: variance)


def control_users_needed(metric: Metric, lift: float, ratio: float, alpha: float, power: float = POWER) -> float:
    """Returns the users of the control with which a lift is detected with the given power; inf if it is impossible.

    The test's threshold comes from the variance at the common mean. Under the alternative, each variant has its own.

    Args:
        ratio: users of the treatment for each user of the control.
        alpha: level of the two-sided test.
    """
    other = metric.mean * (1 + lift)
    if not (metric.mean > 0 and lift and 0 <= other <= metric.highest_mean):
        return math.inf
    common_variance = metric.variance_at((metric.mean + ratio * other) / (1 + ratio))
    threshold = -special.ndtri(alpha / 2) * math.sqrt(common_variance * (1 + 1 / ratio))
    spread = special.ndtri(power) * math.sqrt(metric.variance_at(metric.mean) + metric.variance_at(other) / ratio)
    return float(((threshold + spread) / (metric.mean * lift)) ** 2)


def detectable_lift(metric: Metric, control_users: float, users: float, alpha: float, power: float = POWER) -> float:
    """Returns the smallest relative rise that the test detects with the given power; inf if it detects none.

    Args:
        users: users of the treatment.
    """
    if not (metric.mean > 0 and control_users > 0 and users > 0):
        return math.inf

    def missing_users(lift: float) -> float:
        return control_users_needed(metric, lift, users / control_users, alpha, power) - control_users

    highest = metric.highest_mean / metric.mean - 1
    high = min(highest, 1e-12)
    while missing_users(high) > 0:
        if high in (highest, math.inf):
            return math.inf
        high = min(2 * high, highest)
    return float(optimize.brentq(missing_users, high / 2, high, xtol=1e-300)) if missing_users(high / 2) > 0 else high


def days_left(users_needed: float, users: int, days: float) -> int | None:
    """Returns the days until an experiment has the needed users, if as many come a day as so far; None if none come."""
    if users >= users_needed:
        return 0
    if not users or days <= 0 or not math.isfinite(users_needed):
        return None
    return math.ceil((users_needed - users) / (users / days))
