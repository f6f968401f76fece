"""Choice of the baseline's form by the errors of its expectations."""

from collections.abc import Iterator

import numpy as np

from runtime.analytics.anomalies.seasonal import Level, Model, adjust, seasonal_shape, shift
from runtime.analytics.anomalies.series import Floats, Series

DAY, WEEK, YEAR = 86_400, 604_800, 31_556_952
# Seconds of each season, and its periods to look back at.
SEASONS = ((DAY, 28), (WEEK, 8), (YEAR, 4))
LONG_HISTORY, TREND_HISTORY, SHORT_HISTORY = 48, 24, 12
UNIT_WITHOUT_SEASON = 24
SHORT_SERIES = 500
# A season is believed with three periods, or with two if it has several units, such as the days of a week.
LEAST_PERIODS, LEAST_PERIODS_OF_UNITS = 3, 2
# A season has at least this many slots.
LEAST_SLOTS = 4
# A more complex form has to reduce the error to this share.
REQUIRED_REDUCTION = 0.9
COMPARED_POINTS = 100_000


def choose_model(series: Series, step: float) -> Model:
    """Returns the form whose expectations are best over the newest points; of nearly equal ones the simplest."""
    values, weights = series.values[-COMPARED_POINTS:], series.weights_or_ones[-COMPARED_POINTS:]
    best, least = Model(1, LONG_HISTORY, UNIT_WITHOUT_SEASON, Level.FIXED), np.inf
    for model in candidates(len(values), step, can_be_ratio=float(np.nanmin(values, initial=0.0)) >= 0):
        error = _error(values, weights, model)
        if error < least * REQUIRED_REDUCTION:
            best, least = model, error
    return best


def candidates(count: int, step: float, *, can_be_ratio: bool) -> Iterator[Model]:
    """Yields forms in the order of preference: forms that follow the newest values forget the past, and come last."""
    yield Model(1, LONG_HISTORY, UNIT_WITHOUT_SEASON, Level.FIXED)
    for season, history in seasons(step):
        day = round(DAY / step)
        unit = day if day >= LEAST_SLOTS else season
        if count < (LEAST_PERIODS if unit == season else LEAST_PERIODS_OF_UNITS) * season:
            continue
        for smoothing in (2, 0) if day >= 96 else (0,):
            yield Model(season, history, unit, Level.FIXED, smoothing=smoothing)
            for level in (Level.SLOW, Level.FAST):
                for is_ratio in (True, False) if can_be_ratio else (False,):
                    yield Model(season, history, unit, level, is_ratio, smoothing)
    yield Model(1, TREND_HISTORY, UNIT_WITHOUT_SEASON, Level.TREND)
    if count <= SHORT_SERIES:
        yield Model(1, SHORT_HISTORY, UNIT_WITHOUT_SEASON, Level.FIXED)
        yield Model(1, SHORT_HISTORY, UNIT_WITHOUT_SEASON, Level.TREND)


def seasons(step: float) -> Iterator[tuple[int, int]]:
    """Yields the seasons that fit a step, in steps, and the number of their periods to look back at."""
    for seconds, history in SEASONS:
        slots = round(seconds / step)
        # The year is the season of steps above a day only: of days, it would need many years.
        if slots >= LEAST_SLOTS and abs(slots * step - seconds) <= seconds / 100 and (seconds < YEAR or step > DAY):
            yield slots, history


def _error(values: Floats, weights: Floats, model: Model) -> float:
    shape = seasonal_shape(values, model)
    errors = np.abs(values - adjust(shape, shift(values, shape, weights, model, model.level), model))
    errors = errors[np.isfinite(errors)]
    return float(errors.mean()) if len(errors) else np.inf
