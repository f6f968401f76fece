"""Deviations of values from a baseline in units of the noise that chance alone explains, and their inversion."""

import numpy as np

from runtime.analytics.anomalies.series import Floats, Kind

# Below this number of expected events, deviations are computed as if it were expected.
LEAST_EXPECTED = 1.0
# Counts are whole numbers: half an event is no deviation.
CONTINUITY = 0.5
LEAST_VALUE = 1e-9


def residuals(kind: Kind, values: Floats, baseline: Floats, weights: Floats) -> Floats:
    """Returns deviations with a variance of about 1 for Poisson counts and binomial shares.

    Counts: Anscombe's residual with a correction for continuity. Its tails are close to normal ones even where few
    events are expected. Shares: the same for their rarer outcome. Means: the difference of logarithms, by the number
    of items. Levels: the plain difference.
    """
    match kind:
        case Kind.COUNT:
            return _count_residuals(values * weights, baseline * weights)
        case Kind.SHARE:
            side, rare, expected = _rarer(values, baseline)
            return np.asarray(side * _count_residuals(rare * weights, expected * weights) / np.sqrt(1 - expected))
        case Kind.MEAN:
            return np.asarray(
                np.sqrt(weights) * np.log(np.maximum(values, LEAST_VALUE) / np.maximum(baseline, LEAST_VALUE))
            )
        case Kind.LEVEL:
            return values - baseline


def value_at(kind: Kind, residual: Floats, baseline: Floats, weights: Floats) -> Floats:
    """Returns the values that have the given residuals: the inverse of `residuals`."""
    match kind:
        case Kind.COUNT:
            return _count_at(residual, baseline * weights) / weights
        case Kind.SHARE:
            side, _, expected = _rarer(baseline, baseline)
            rare = np.minimum(_count_at(side * residual * np.sqrt(1 - expected), expected * weights) / weights, 1.0)
            return np.where(side < 0, 1 - rare, rare)
        case Kind.MEAN:
            return np.asarray(baseline * np.exp(residual / np.sqrt(np.maximum(weights, 1.0))))
        case Kind.LEVEL:
            return baseline + residual


def _rarer(shares: Floats, baseline: Floats) -> tuple[Floats, Floats, Floats]:
    """Returns the sign of each deviation, the shares and the baseline of the outcome with the smaller baseline."""
    is_common = baseline > 0.5
    side = np.where(is_common, -1.0, 1.0)
    return side, np.where(is_common, 1 - shares, shares), np.where(is_common, 1 - baseline, baseline)


def _count_residuals(counts: Floats, expected: Floats) -> Floats:
    expected = np.maximum(expected, LEAST_EXPECTED)
    difference = counts - expected
    near = expected + np.sign(difference) * np.maximum(np.abs(difference) - CONTINUITY, 0.0)
    return np.asarray(1.5 * (np.cbrt(near) ** 2 - np.cbrt(expected) ** 2) / expected ** (1 / 6))


def _count_at(residual: Floats, expected: Floats) -> Floats:
    expected = np.maximum(expected, LEAST_EXPECTED)
    near = np.maximum(np.cbrt(expected) ** 2 + residual * expected ** (1 / 6) / 1.5, 0.0) ** 1.5
    return np.asarray(np.maximum(near + CONTINUITY * np.sign(residual), 0.0))
