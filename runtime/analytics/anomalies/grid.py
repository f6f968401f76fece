"""From times to steps: the step of a series, and its values at equal steps with gaps."""

from collections.abc import Mapping

import numpy as np

from runtime.analytics.anomalies.series import Floats, Kind, Series, SeriesTable, means_by_cell

# Intervals that differ from the step by at most this share are steps: months, or times that are noted late.
UNEVENNESS = 0.2
# Steps that an uneven series is assumed to have if its middle interval is within one percent of them, in seconds.
COMMON_STEPS = (
    *(1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_200, 1_800),
    *(3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 604_800),
)
# Least median change of counts from one step to the next, in square roots of the median count. About 1 for independent
# events; less for whole numbers that are no counts, such as temperatures.
LEAST_VARIATION = 0.5
# Cells of the grid for each row, at most: events in bursts must not make a grid that is nearly empty.
MAX_CELLS_A_ROW = 20


def to_table(times: Floats, columns: Mapping[str, Floats]) -> SeriesTable:
    """Returns the series at equal steps. Times between two rows are gaps without values, not zeros.

    Several rows of one step become one with their mean.
    """
    step = find_step(times)
    intervals = np.diff(times)
    if not len(intervals) or np.all(np.abs(intervals - step) <= UNEVENNESS * step):
        return SeriesTable(times, step, {name: series_of(values) for name, values in columns.items()})
    cells = np.round((times - times[0]) / step).astype(np.int64)
    count = int(cells[-1]) + 1
    starts = times[0] + step * np.arange(count)
    # The first row of a cell gives its time, so that findings begin and end at times of the file.
    starts[cells[::-1]] = times[::-1]
    return SeriesTable(
        starts, step, {name: series_of(means_by_cell(values, cells, count)) for name, values in columns.items()}
    )


def find_step(times: Floats) -> float:
    """Returns the middle interval in seconds, which is the step of a regular series with gaps."""
    if len(times) < 2:
        return 1.0
    step = float(np.median(np.diff(times)))
    step = next((float(common) for common in COMMON_STEPS if abs(step - common) <= common / 100), step)
    return max(step, float(times[-1] - times[0]) / (MAX_CELLS_A_ROW * len(times)))


def series_of(values: Floats) -> Series:
    """Returns the series: a count if its values are whole numbers, not negative, that vary like numbers of events."""
    known = values[np.isfinite(values)]
    is_whole = len(known) > 1 and bool(np.all(known >= 0) and np.all(known == np.round(known)))
    is_count = is_whole and np.median(np.abs(np.diff(known))) >= LEAST_VARIATION * np.sqrt(np.median(known))
    return Series(values, Kind.COUNT if is_count else Kind.LEVEL)
