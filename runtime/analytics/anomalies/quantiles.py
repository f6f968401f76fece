"""Quantiles of rows with missing values, and the rows that precede a row."""

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.anomalies.series import Floats

# Bounds the memory of a gathered block.
CHUNK_VALUES = 4_000_000
LEAST_ROWS = 3


def preceding(count: int, length: int, least: int = LEAST_ROWS) -> NDArray[np.int64]:
    """Returns the indices of the rows before each of `count` rows, at most `length`; `count` where there is none.

    The first rows, with fewer than a fifth of `length` or `least` rows before them, take the nearest later ones too.
    A single row takes itself. With a `least` of 0, no row takes later ones or itself.
    """
    if count == 1 and not least:
        return np.ones((1, 1), dtype=np.int64)
    if count == 1:
        return np.zeros((1, 1), dtype=np.int64)
    length = min(length, count - 1)
    least = min(max(least, length // 5), length, count - 1) if least else 0
    rows, columns = np.arange(count)[:, None], np.arange(length)[None, :]
    indices = np.where(rows - length + columns >= 0, rows - length + columns, count)
    early = np.where(columns < least, columns + (columns >= rows), count)
    return np.where(rows < least, early, indices)


def with_missing_row(rows: Floats) -> Floats:
    """Returns the rows and one of NaN, which the index `len(rows)` of `preceding` refers to."""
    return np.concatenate([rows, np.full((1, *rows.shape[1:]), np.nan)])


def quantile(values: Floats, level: float) -> Floats:
    """Returns a quantile along the last axis, without regard to NaN; NaN where all values are NaN."""
    ordered = np.sort(values, axis=-1)
    counts = np.isfinite(ordered).sum(axis=-1)
    position = np.maximum(counts - 1, 0) * level
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(counts - 1, 0))
    low = np.take_along_axis(ordered, below[..., None], -1)[..., 0]
    high = np.take_along_axis(ordered, above[..., None], -1)[..., 0]
    result: Floats = np.where(counts > 0, low + (high - low) * (position - below), np.nan)
    return result


def quantile_of_preceding(rows: Floats, length: int, level: float = 0.5, least: int = LEAST_ROWS) -> Floats:
    """Returns for each cell of a matrix a quantile, by default the median, of the same column in the rows before."""
    indices = preceding(len(rows), length, least)
    chunk = max(1, CHUNK_VALUES // max(1, indices.shape[1] * rows.shape[1]))
    result, padded = np.empty_like(rows), with_missing_row(rows)
    for begin in range(0, len(rows), chunk):
        gathered = padded[indices[begin : begin + chunk]]
        result[begin : begin + chunk] = quantile(np.swapaxes(gathered, 1, 2), level)
    return result
