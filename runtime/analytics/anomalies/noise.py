"""The noise of a series, as past deviations from the baseline show it."""

import numpy as np

from runtime.analytics.anomalies.quantiles import preceding, quantile, with_missing_row
from runtime.analytics.anomalies.seasonal import Model
from runtime.analytics.anomalies.series import Floats, Kind, Series, Watch, ratio

# Points that a scale is computed for at a time, unless the season is longer.
LONGEST_BLOCK = 64
SHORTEST_BLOCK = 8
MAX_PERIODS = 14
SAMPLES_A_BIN = 48
# Points whose deviations a scale is computed from, at least, if there are as many.
LEAST_SAMPLES = 64
# A scale from n samples is widened by this / n, because it may be too small by chance.
SMALL_SAMPLE = 3
FLOOR_OF_RANGE = 0.01
# Quantile of the absolute deviations, and that of the standard normal distribution.
QUANTILE, NORMAL_QUANTILE = 0.8, 1.2816
# A slot's scale is at most this many times as large as that of all slots in calm periods: a quantile of the periods,
# each with a quantile of its deviations. Both are low, because periods with incidents would hide the next incident.
MOST_OF_CALM_PERIODS, CALM_PERIOD = 1.3, 0.1
CALM_QUANTILE, NORMAL_CALM_QUANTILE = 0.6, 0.8416


def noise_scale(deviations: Floats, series: Series, model: Model, expected: Floats | None = None) -> Floats:
    """Returns the noise of each point: its slot's robust scale over the periods before, with the kind's floor.

    `expected`: expected events of each point, if its scale is bounded by that of calm periods.
    """
    # Deviations on the other side, such as those of sales, say nothing about the noise on the watched one.
    is_used = {Watch.BOTH: np.isfinite(deviations), Watch.LOW: deviations <= 0, Watch.HIGH: deviations >= 0}
    sizes = np.where(is_used[series.watch], np.abs(deviations), np.nan)
    period = block_length(model.season, len(deviations))
    rows = np.concatenate([sizes, np.full(-len(sizes) % period, np.nan)]).reshape(-1, period)
    least = max(model.least_periods, -(-LEAST_SAMPLES // period)) if model.least_periods else 0
    periods = preceding(len(rows), max(8, least, min(MAX_PERIODS, model.history * model.season // period)), least)
    scales, padded = np.full(rows.shape, np.nan), with_missing_row(rows)
    events = None if expected is None else np.pad(expected, (0, -len(sizes) % period)).reshape(-1, period)
    for row, earlier in enumerate(periods):
        known = padded[earlier[earlier < len(rows)]]
        if not len(known):
            continue
        # Neighbouring slots share a scale. Without a season, slots have no meaning.
        size = max(period // 24, -(-SAMPLES_A_BIN // len(known)))
        size = size if model.season > 1 and 2 * size <= period else period
        scales[row] = np.repeat(_scales_of_bins(known, size), size)[:period]
        if events is not None:
            calm = _scales_of_calm_periods(known, events[earlier[earlier < len(rows)]], events[row])
            scales[row] = np.minimum(scales[row], MOST_OF_CALM_PERIODS * calm)
    return np.asarray(np.maximum(scales.reshape(-1)[: len(deviations)], _floor(series)))


def _scales_of_calm_periods(known: Floats, past: Floats, expected: Floats) -> Floats:
    """Returns scales by the expected events of each slot: chance, and a relative noise that all slots share.

    The relative noise is that of the busier half of the slots, where chance hides least of it. `known`, `past`: the
    absolute deviations and the expected events of the periods before.
    """
    with np.errstate(invalid="ignore"):
        is_busy = past >= quantile(past, 0.5)[:, None]
    scales = quantile(np.where(is_busy, known, np.nan), CALM_QUANTILE) / NORMAL_CALM_QUANTILE
    relative = ratio(np.maximum(0.0, scales**2 - 1), quantile(np.where(is_busy, past, np.nan), 0.5))
    calm = float(quantile(relative, CALM_PERIOD))
    return np.sqrt(1 + calm * np.nan_to_num(expected)) if np.isfinite(calm) else np.full(len(expected), np.inf)


def _scales_of_bins(known: Floats, size: int) -> Floats:
    """Returns the scale of each bin of slots, drawn to the middle one as far as few periods are known."""
    filled = np.concatenate([known, np.full((len(known), -known.shape[1] % size), np.nan)], axis=1)
    samples = np.swapaxes(filled.reshape(len(known), -1, size), 0, 1).reshape(-1, len(known) * size)
    scales = quantile(samples, QUANTILE) / NORMAL_QUANTILE
    middle, trust = quantile(scales, 0.5), len(known) / (len(known) + 4)
    with np.errstate(divide="ignore", invalid="ignore"):
        scales = np.where(np.isfinite(scales), scales**trust * middle ** (1 - trust), middle)
    per_bin = np.isfinite(known).sum() * size / known.shape[1]
    return np.asarray(scales * (1 + SMALL_SAMPLE / max(per_bin, 1)))


def block_length(season: int, count: int, longest: int = LONGEST_BLOCK) -> int:
    """Returns the number of points that share a scale or a threshold: one season, or an eighth of a short series.

    Longer blocks than a season would let the first weeks of a series be judged by later ones.
    """
    return season if season > 1 else min(longest, max(SHORTEST_BLOCK, count // 8))


def _floor(series: Series) -> float:
    if series.kind in (Kind.COUNT, Kind.SHARE):
        return 1.0
    if series.kind is Kind.MEAN:
        return 0.05
    finite = series.values[np.isfinite(series.values)]
    if not len(finite):
        return 1.0
    low, middle, high = np.quantile(finite, (0.05, 0.5, 0.95))
    return float(max(FLOOR_OF_RANGE * (high - low), FLOOR_OF_RANGE * abs(middle), 1e-9))
