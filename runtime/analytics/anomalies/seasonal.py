"""The robust seasonal baseline: what a series is expected to be, and how far its values are from it.

The expectation of a value is the median of the same slot of the season in the periods before, adjusted by the recent
level of the series. Its noise is the median absolute deviation of past values from their own expectations.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.anomalies.quantiles import LEAST_ROWS, quantile, quantile_of_preceding
from runtime.analytics.anomalies.series import Floats, Series, Watch, ratio

BLOCKS_A_UNIT = 24
FEW_PERIODS = 3
SLOW_UNITS = 14
# A rise lasts if the median of five blocks is above this ratio.
RISE_BLOCKS, LEAST_RISE = 5, 1.25
# Who bought in a sale does not buy the day after: then this share of the expectation is usual, too. Such a rise has
# lasted for an eighth of the ebb, and is beyond chance.
EBB, RISE_SHARE, RISE_DEVIATION = 0.9, 8, 3.0
# Quantile of the previous periods that a season's shape is taken from. Where only drops are findings, peaks such as
# sales in half of four weeks must not raise the expectation.
CENTRES = {Watch.BOTH: 1 / 2, Watch.LOW: 1 / 3, Watch.HIGH: 2 / 3}


class Level(StrEnum):
    """How fast the expectation follows the level of a series."""

    FIXED = "fixed"
    SLOW = "slow"  # the median of the last 14 units
    FAST = "fast"  # the median of the last unit
    TREND = "trend"  # the slope of the last values; without a season only


@dataclass(frozen=True)
class Model:
    """The form of a baseline, in numbers of points.

    `season`: period of the season; 1: none. `history`: number of previous periods whose median is taken.
    `is_ratio`: the season grows with the level, which is never negative; otherwise the level is added.
    `unit`: time in which the fast level adapts, such as a day. `smoothing`: neighbours on each side of a slot that its
    shape is averaged with. `pooled`: neighbours on each side of a value that it is averaged with before the median is
    taken, because single values of few events say little. `jitter`: points by which a peak of the season may come early
    or late. `ebb`: points after a lasting rise in which less is as usual. `windows`: numbers of points whose means are
    compared with their expectation, each with the share of the deviation of a single finding that each of three
    deviations in a row needs. `has_normal_noise`: beyond their tolerance, counts and shares vary by chance, and by a
    relative noise that all slots of the season share.
    `least_periods`: the first periods are compared with as many others, also later ones; 0: with earlier ones only.
    """

    season: int
    history: int
    unit: int
    level: Level = Level.SLOW
    is_ratio: bool = False
    smoothing: int = 0
    pooled: int = 0
    jitter: int = 0
    ebb: int = 0
    windows: tuple[tuple[int, float], ...] = ((1, 0.85),)
    has_normal_noise: bool = False
    least_periods: int = LEAST_ROWS


@dataclass(frozen=True)
class Expectation:
    """Expected values of a series.

    `adapted`: expectations that follow the level of the last unit. `low`, `high`: with few periods, the range of the
    values that may be as usual as the baseline; otherwise the baseline.
    """

    baseline: Floats
    adapted: Floats
    low: Floats
    high: Floats


def expect(series: Series, model: Model) -> Expectation:
    """Returns the expectations from the past. The first periods are compared with their nearest periods instead."""
    weights = series.weights_or_ones
    shape = seasonal_shape(_pooled(series.values, weights, model), model, CENTRES[series.watch])
    if series.watch is Watch.LOW:
        usual = _without_rises(series.values, shape, weights, model)
        shape = seasonal_shape(_pooled(usual, weights, model), model, CENTRES[series.watch])
    baseline, adapted = (
        adjust(shape, shift(series.values, shape, weights, model, level), model) for level in (model.level, Level.FAST)
    )
    low, high = _usual_range(series.values, baseline, model)
    if model.ebb:
        low = np.where(_follows_rise(series.values * weights, baseline * weights, model), EBB * low, low)
    return Expectation(baseline, adapted, low, high)


def _usual_range(values: Floats, baseline: Floats, model: Model) -> tuple[Floats, Floats]:
    """Returns the least and the greatest of the baseline and, in up to three periods, of the values beside each one.

    Two periods that differ do not tell which of them is unusual. The values are those of the same slot in the other
    periods and, in a season of several units, one unit before and after.
    """
    if not model.season < len(values) <= FEW_PERIODS * model.season:
        return baseline, baseline
    steps = [model.season, 2 * model.season, *([model.unit] if model.unit < model.season else [])]
    beside = np.full((1 + 2 * len(steps), len(values)), np.nan)
    beside[0] = baseline
    for row, step in enumerate(steps):
        beside[2 * row + 1, step:] = values[:-step]
        beside[2 * row + 2, :-step] = values[step:]
    return np.nanmin(beside, axis=0), np.nanmax(beside, axis=0)


def _pooled(values: Floats, weights: Floats, model: Model) -> Floats:
    """Returns the means of each value and its neighbours, by their weights."""
    if not model.pooled:
        return values
    kernel, valid = np.ones(2 * model.pooled + 1), np.isfinite(values)
    sums, wholes = (
        np.convolve(np.where(valid, part * weights, 0.0), kernel, mode="same")
        for part in (values, np.ones_like(values))
    )
    return ratio(sums, wholes)


def seasonal_shape(values: Floats, model: Model, centre: float = 0.5) -> Floats:
    """Returns a quantile of the same slot in the previous periods, smoothed over neighbouring slots."""
    rows = by_period(values, model.season)
    shape = quantile_of_preceding(rows, model.history, centre, model.least_periods)
    if model.smoothing:
        width = model.smoothing
        padded = np.concatenate([shape[:, -width:], shape, shape[:, :width]], axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * width + 1, axis=1)
        valid = np.isfinite(windows)
        with np.errstate(invalid="ignore", divide="ignore"):
            shape = np.where(valid, windows, 0.0).sum(axis=-1) / valid.sum(axis=-1)
    return shape.reshape(-1)[: len(values)]


def _without_rises(values: Floats, shape: Floats, weights: Floats, model: Model) -> Floats:
    """Returns the values with lasting rises, such as sales, divided out, so that they raise no later expectation."""
    size = max(1, model.unit // BLOCKS_A_UNIT)
    valid = np.isfinite(values) & np.isfinite(shape)
    ratios = _block_ratios(values, shape, weights, valid, size)
    around = np.pad(ratios, RISE_BLOCKS // 2, constant_values=np.nan)
    lasting = quantile(np.lib.stride_tricks.sliding_window_view(around, RISE_BLOCKS), 0.5)
    factors = np.where(lasting > LEAST_RISE, lasting, 1.0)
    return np.asarray(values / np.repeat(factors, size)[: len(values)])


def _follows_rise(sums: Floats, expected: Floats, model: Model) -> NDArray[np.bool_]:
    """Marks the points of the ebb of a rise. Both ends of the jitter around a point use no later sums."""
    kernel = np.ones(max(1, model.ebb // RISE_SHARE))
    seen, usual = (np.convolve(np.nan_to_num(part), kernel)[: len(sums)] for part in (sums, expected))
    is_rise = (seen > LEAST_RISE * usual) & (seen - usual > RISE_DEVIATION * np.sqrt(usual)) & (usual > 0)
    total = np.cumsum(is_rise)
    until, since = (np.pad(total, (points, 0))[: len(total)] for points in (model.jitter, model.jitter + model.ebb))
    return np.asarray(until > since)


def _block_ratios(values: Floats, shape: Floats, weights: Floats, valid: NDArray[np.bool_], size: int) -> Floats:
    """Returns the ratio of the sums of values and shape in blocks of the given number of points."""
    sums = [by_period(np.where(valid, part * weights, 0.0), size, 0.0).sum(axis=1) for part in (values, shape)]
    return ratio(sums[0], sums[1])


def shift(values: Floats, shape: Floats, weights: Floats, model: Model, level: Level) -> Floats:
    """Returns the recent level of the series relative to its seasonal shape: factors, or differences below zero."""
    if level is Level.FIXED:
        return np.full(len(values), 1.0 if model.is_ratio else 0.0)
    if level is Level.TREND:
        positions = np.arange(len(values), dtype=np.float64)
        lags = positions - quantile_of_preceding(positions[:, None], model.history)[:, 0]
        return np.asarray(_slope(values, model.history) * lags)
    size = max(1, model.unit // BLOCKS_A_UNIT)
    valid = np.isfinite(values) & np.isfinite(shape)
    if model.is_ratio:
        changes = _block_ratios(values, shape, weights, valid, size)
    else:
        changes = quantile(by_period(np.where(valid, values - shape, np.nan), size), 0.5)
    per_unit = max(1, model.unit // size)
    if level is Level.FAST:
        recent = quantile_of_preceding(changes[:, None], per_unit, least=model.least_periods)[:, 0]
    else:
        units = quantile(by_period(changes, per_unit), 0.5)
        recent = np.repeat(
            quantile_of_preceding(units[:, None], SLOW_UNITS, least=model.least_periods)[:, 0], per_unit
        )[: len(changes)]
    recent = np.where(np.isfinite(recent), recent, 1.0 if model.is_ratio else 0.0)
    return np.repeat(recent, size)[: len(values)]


def _slope(values: Floats, history: int) -> Floats:
    """Returns the recent slope per point: the median slope over half of the history. The first points take a later."""
    lag = history // 2
    slopes = np.full(len(values), np.nan)
    slopes[lag:] = (values[lag:] - values[:-lag]) / lag
    recent = quantile_of_preceding(slopes[:, None], history)[:, 0]
    known = np.flatnonzero(np.isfinite(recent))
    if not len(known):
        return np.zeros(len(values))
    return np.asarray(recent[known[np.minimum(np.searchsorted(known, np.arange(len(values))), len(known) - 1)]])


def adjust(shape: Floats, change: Floats, model: Model) -> Floats:
    return shape * change if model.is_ratio else shape + change


def by_period(values: Floats, period: int, fill: float = np.nan) -> Floats:
    """Returns the values as rows of one period; the last row is filled up."""
    missing = -len(values) % period
    return np.concatenate([values, np.full(missing, fill)]).reshape(-1, period)
