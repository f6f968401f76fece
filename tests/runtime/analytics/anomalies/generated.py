"""Generated series for the tests of the command `anomalies`."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from runtime.analytics.anomalies.series import Floats

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NOISE = 4.0
# Numbers of steps, and the seconds of a step.
SECONDS, MINUTES, FIVE_MINUTES, HOURS, DAYS = (3_600, 1), (1_440, 60), (2_016, 300), (672, 3_600), (90, 86_400)


def noise(count: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0, NOISE, count)


def flat(count: int, step: int, seed: int = 1) -> Floats:
    return 100 + noise(count, seed)


def daily(count: int, step: int, seed: int = 1) -> Floats:
    """Returns noise over a wave of a day; only noise in steps of a day."""
    return 100 + 50 * np.sin(2 * np.pi * np.arange(count) * step / 86_400) * (step < 86_400) + noise(count, seed)


def weekly(count: int, step: int, seed: int = 1) -> Floats:
    """Returns a wave of a day that is lower on weekends."""
    weekday = np.arange(count) * step // 86_400 % 7
    return (daily(count, step, seed) - noise(count, seed)) * np.where(weekday >= 5, 0.7, 1) + noise(count, seed)


def rising(count: int, step: int, seed: int = 1) -> Floats:
    return 100 + np.linspace(0, 100, count) + noise(count, seed)


def constant(count: int, step: int, seed: int = 1) -> Floats:
    return np.full(count, 42.0)


def counts(count: int, step: int, seed: int = 2) -> Floats:
    return np.random.default_rng(seed).poisson(100, count).astype(np.float64)


SHAPES: Mapping[str, Callable[..., Floats]] = {
    shape.__name__: shape for shape in (flat, daily, weekly, rising, constant, counts)
}


def times(count: int, step: float) -> list[datetime]:
    return [MONDAY + timedelta(seconds=step * number) for number in range(count)]


def text(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def csv(values: Floats, step: float) -> str:
    cells = ("" if np.isnan(value) else f"{value:.6g}" for value in values.tolist())
    rows = (f"{text(time)},{cell}\n" for time, cell in zip(times(len(values), step), cells, strict=True))
    return "timestamp,value\n" + "".join(rows)
