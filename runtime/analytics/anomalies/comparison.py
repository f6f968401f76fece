"""A series beside its expectation: deviations in units of the noise, and those of them that can be findings."""

from dataclasses import dataclass, replace

import numpy as np

from runtime.analytics.anomalies.noise import noise_scale
from runtime.analytics.anomalies.residuals import residuals
from runtime.analytics.anomalies.seasonal import Expectation, Model
from runtime.analytics.anomalies.series import Floats, Kind, Series, Watch

# A mean of fewer items says nothing.
LEAST_ITEMS = 5
EDGE_DEVIATION = 1.5


@dataclass(frozen=True)
class Comparison:
    """A series, or its means over windows, beside its baseline, with the noise and the standardised deviations.

    `low`, `high`: the range of usual values, as in `Expectation`.
    """

    series: Series
    weights: Floats
    baseline: Floats
    scale: Floats
    deviations: Floats
    adapted: Floats
    low: Floats
    high: Floats


def compare(series: Series, expectation: Expectation, model: Model, window: int) -> Comparison:
    """Compares the means over the last `window` points with their expectation. Windows with a gap have no value."""
    weights = moving_sum(series.weights_or_ones, window)
    parts = (
        np.where(series.weights_or_ones > 0, series.values, 0.0),
        expectation.baseline,
        expectation.adapted,
        expectation.low,
        expectation.high,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        values, baseline, adapted, low, high = (
            moving_sum(part * series.weights_or_ones, window) / weights for part in parts
        )
    if series.kind is Kind.MEAN:
        values = np.where(weights >= LEAST_ITEMS, values, np.nan)
    seen = replace(series, values=values, weights=weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        raw, raw_adapted = (residuals(series.kind, values, line, weights) for line in (baseline, adapted))
    expected = {Kind.COUNT: baseline * weights, Kind.SHARE: np.minimum(baseline, 1 - baseline) * weights}
    scale = noise_scale(raw, seen, model, expected.get(series.kind) if model.has_normal_noise else None)
    return Comparison(seen, weights, baseline, scale, raw / scale, raw_adapted / scale, low, high)


def moving_sum(values: Floats, window: int) -> Floats:
    if window == 1:
        return values
    padded = np.concatenate([np.full(window - 1, np.nan), values])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, window).sum(axis=1))


def watched(comparison: Comparison, jitter: int) -> Floats:
    """Returns the deviations, with zeros for those that are never a finding of this series.

    Beyond the tolerated range, a deviation is at most `EDGE_DEVIATION` more than the deviation from the range's edge:
    a tolerated change and common noise together are no finding.
    """
    series, deviations = comparison.series, comparison.deviations
    is_ignored = np.zeros(len(deviations), dtype=bool)
    if series.watch is not Watch.BOTH:
        is_ignored = deviations > 0 if series.watch is Watch.LOW else deviations < 0
    low, high = (
        np.lib.stride_tricks.sliding_window_view(np.pad(line, jitter, mode="edge"), 2 * jitter + 1)
        for line in (comparison.low, comparison.high)
    )
    low, high = low.min(axis=1) * (1 - series.tolerance), high.max(axis=1) * (1 + series.tolerance)
    is_ignored |= (series.values >= low) & (series.values <= high)
    with np.errstate(divide="ignore", invalid="ignore"):
        edge = residuals(series.kind, series.values, np.where(deviations < 0, low, high), comparison.weights)
    limit = np.abs(edge) / comparison.scale + EDGE_DEVIATION
    deviations = np.sign(deviations) * np.minimum(np.abs(deviations), limit)
    return np.where(is_ignored & np.isfinite(deviations), 0.0, deviations)
