"""Time series at one step, and their aggregation to coarser steps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Share of a coarse step that is all of it: the parts of an uneven step need not add up exactly.
WHOLE = 0.99


class Kind(StrEnum):
    """The kind of a series' values, which determines the noise that chance alone explains."""

    COUNT = "count"  # events of a step: at least Poisson noise
    SHARE = "share"  # a part of the series' weights, from 0 to 1: at least binomial noise
    MEAN = "mean"  # a mean per item of a positive quantity: relative noise that falls with the number of items
    LEVEL = "level"  # any other number: the noise is what the past shows


class Watch(StrEnum):
    """Deviations that are findings."""

    BOTH = "both"
    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True)
class Series:
    """A series of values at the times of its table. NaN: no value.

    `weights`: number of observations behind each value, such as the denominators of a share; None: 1.
    `tolerance`: relative deviation from the baseline that is never a finding.
    """

    values: Floats
    kind: Kind = Kind.LEVEL
    weights: Floats | None = None
    watch: Watch = Watch.BOTH
    tolerance: float = 0.0

    @property
    def weights_or_ones(self) -> Floats:
        return np.ones_like(self.values) if self.weights is None else self.weights


@dataclass(frozen=True)
class SeriesTable:
    """Series with common times: seconds since 1970 at which each step begins, in ascending order."""

    times: Floats
    step: float
    series: Mapping[str, Series]


def aggregate(table: SeriesTable, step: float) -> SeriesTable:
    """Returns the means of the series in steps of the given seconds, which begin at multiples of it.

    A coarse step has a value when the table has all of it, and values for at least half of it.
    """
    buckets = np.floor(table.times / step).astype(np.int64)
    first, count = int(buckets[0]), int(buckets[-1] - buckets[0] + 1)
    index = buckets - first
    parts = step / table.step
    is_whole = np.bincount(index, minlength=count) >= WHOLE * parts
    times = (first + np.arange(count, dtype=np.float64)) * step
    means = {name: _means(series, index, is_whole, parts) for name, series in table.series.items()}
    return SeriesTable(times, step, means)


def means_by_cell(values: Floats, cells: NDArray[np.intp], count: int) -> Floats:
    """Returns the means of the values in each of `count` cells; NaN for a cell without values."""
    known = np.isfinite(values)
    sums = np.bincount(cells[known], values[known], count).astype(np.float64)
    return ratio(sums, np.bincount(cells[known], minlength=count).astype(np.float64))


def ratio(parts: Floats, wholes: Floats) -> Floats:
    """Returns the quotients; NaN where the divisor is not above 0."""
    quotients = np.full(len(parts), np.nan)
    np.divide(parts, wholes, out=quotients, where=wholes > 0)
    return quotients


def _means(series: Series, index: NDArray[np.int64], is_whole: NDArray[np.bool_], parts: float) -> Series:
    valid = np.isfinite(series.values)
    index, values, weights = index[valid], series.values[valid], series.weights_or_ones[valid]
    total = np.bincount(index, weights, len(is_whole))
    with np.errstate(divide="ignore", invalid="ignore"):
        means = np.bincount(index, weights * values, len(is_whole)) / total
    # A share has no value in a step without observations. Such a step is no gap.
    known = np.bincount(index, minlength=len(is_whole)) >= parts / 2 if series.weights is None else total > 0
    known &= is_whole
    return replace(series, values=np.where(known, means, np.nan), weights=np.where(known, total, 0.0))
