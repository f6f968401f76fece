"""Thresholds of deviations, from the tails that a series has without incidents."""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.anomalies.noise import MAX_PERIODS, block_length
from runtime.analytics.anomalies.quantiles import preceding, quantile, with_missing_row
from runtime.analytics.anomalies.seasonal import Model
from runtime.analytics.anomalies.series import Floats, Kind

# No deviation below this makes a point an incident by itself, however short the series.
LOWEST_THRESHOLD = 4.5
# Accepted probability that chance makes a single point of the series an incident; with normal noise: of a year.
FALSE_ALARMS, FALSE_ALARMS_A_YEAR = 0.003, 0.016
WEEKS_A_YEAR = 52
TAIL_SHARE = 0.02
SMOOTHED_POINTS = 11
NORMAL = NormalDist()
# Mean excess of the normal distribution beyond its tail, which a few points of a tail do not overrule.
NORMAL_RATE, PRIOR_POINTS = 0.4, 6
LONGEST_BLOCK = 256
# Points below which the shape of the tail cannot be estimated, and the shape from which on it is a power law.
LEAST_FOR_SHAPE = 1_000
LEAST_SHAPE = 0.05


def point_thresholds(deviations: Floats, model: Model, kind: Kind) -> Floats:
    """Returns for each point the deviation on its side, as a positive number, that makes it an incident by itself.

    The noise of counts and shares can be normal by the model. Other tails are estimated from differences to the median
    of the neighbours, so that lasting incidents do not widen them. Beyond its 98 % quantile a tail is exponential; the
    median of its excesses, unlike their mean, is not moved by spikes that are incidents themselves.
    """
    if model.has_normal_noise and kind in (Kind.COUNT, Kind.SHARE):
        normal = -NORMAL.inv_cdf(FALSE_ALARMS_A_YEAR / (2 * WEEKS_A_YEAR * model.season))
        return np.full(len(deviations), max(LOWEST_THRESHOLD, normal))
    fast = deviations - _running_median(deviations)
    period = block_length(model.season, len(fast), LONGEST_BLOCK)
    missing = -len(fast) % period
    rows = np.concatenate([fast, np.full(missing, np.nan)]).reshape(-1, period)
    periods = preceding(len(rows), MAX_PERIODS, model.least_periods)
    below, above = (np.repeat(_threshold(side * rows, periods), period)[: len(fast)] for side in (-1.0, 1.0))
    return np.where(deviations < 0, below, above)


def _threshold(rows: Floats, periods: NDArray[np.int64]) -> Floats:
    """Returns the threshold of each row from the upper tail of the rows before it.

    The more points there are before the row, the higher it is, so that long series do not have more false alarms.

    Beyond the 98 % quantile the tail is taken for exponential, or for a power law if its quantiles widen faster.
    """
    counts = np.append(np.isfinite(rows).sum(axis=1), 0)
    kept = max(1, -(-rows.shape[1] * 12 // 100))
    largest = with_missing_row(-np.sort(-np.where(np.isfinite(rows), rows, -np.inf), axis=1)[:, :kept])
    points = np.cumsum(counts[:-1]) - counts[:-1] + rows.shape[1]
    result = np.array(
        [max(LOWEST_THRESHOLD, -NORMAL.inv_cdf(FALSE_ALARMS / (2 * number))) for number in points.tolist()]
    )
    for row, earlier in enumerate(periods):
        count = int(counts[earlier].sum())
        pool = largest[earlier].reshape(-1)
        pool = -np.sort(-pool[np.isfinite(pool)])
        tail = int(TAIL_SHARE * count)
        if not 1 < tail < len(pool):
            continue
        rate = float(np.median(pool[:tail] - pool[tail])) / np.log(2)
        rate = (tail * rate + PRIOR_POINTS * NORMAL_RATE) / (tail + PRIOR_POINTS)
        exceedances = tail * max(1.0, points[row] / count) / FALSE_ALARMS
        reach = np.log(exceedances)
        far, near = tail // 5, min(tail * 5, len(pool) - 1)
        if count >= LEAST_FOR_SHAPE and pool[far] > pool[tail] > pool[near]:
            shape = np.log((pool[far] - pool[tail]) / (pool[tail] - pool[near])) / np.log(5)
            # Less one standard error, which is large in small tails: normal noise must not look like a power law.
            shape -= 1 / (np.log(5) * np.sqrt(far))
            if shape > LEAST_SHAPE:
                rate = (pool[far] - pool[tail]) / (5**shape - 1)
                reach = exceedances**shape - 1
        result[row] = max(result[row], pool[tail] + rate * reach)
    return result


def _running_median(values: Floats) -> Floats:
    half = SMOOTHED_POINTS // 2
    padded = np.concatenate([np.full(half, np.nan), values, np.full(half, np.nan)])
    return quantile(np.lib.stride_tricks.sliding_window_view(padded, SMOOTHED_POINTS), 0.5)
