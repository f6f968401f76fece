"""Generated days with labelled incidents, as the series that the detectors see every five minutes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.anomalies.backtest.disturbances import Label, disturb, place
from runtime.analytics.anomalies.backtest.shop import CHANNELS, MINUTES, MONDAY, Counts, draw, normal_rates
from runtime.analytics.anomalies.series import Floats, SeriesTable
from runtime.analytics.anomalies.shop_series import ShopSteps, shop_table

# Days before the first evaluated one: the history that the baselines look back at.
HISTORY_DAYS = 28
STEP_MINUTES = 5


@dataclass(frozen=True)
class Days:
    """Series of generated days, the labels of the incidents, and the minutes of sales."""

    table: SeriesTable
    labels: Sequence[Label]
    is_sale: NDArray[np.bool_]


def generate(days: int, incidents_a_kind: int, seed: int) -> Days:
    """Generates a history without incidents and the given number of days after it, with six kinds of incidents."""
    random = np.random.default_rng(seed)
    total = HISTORY_DAYS + days
    rates = normal_rates(total, random)
    labels = place(HISTORY_DAYS * MINUTES, total * MINUTES, incidents_a_kind, random) if incidents_a_kind else []
    bots = np.zeros_like(rates.clicks)
    for label in labels:
        disturb(rates, bots, label, random)
    return Days(series_of(draw(rates, bots, random)), labels, rates.is_sale)


def series_of(counts: Counts) -> SeriesTable:
    """Returns the series of the counts, in steps of five minutes."""
    clicks, attributed = (dict(zip(CHANNELS, _steps(part), strict=True)) for part in (counts.clicks, counts.attributed))
    unattributed, revenue, late, dead_letters = (
        _steps(part) for part in (counts.unattributed, counts.revenue, counts.late, counts.dead_letters)
    )
    checkouts = sum(attributed.values()) + unattributed
    step = 60.0 * STEP_MINUTES
    steps = ShopSteps(
        times=MONDAY + step * np.arange(len(checkouts), dtype=np.float64),
        channel_clicks=clicks,
        channel_checkouts=attributed,
        unattributed=unattributed,
        revenue=revenue,
        priced=checkouts,
        events=sum(clicks.values()) + checkouts,
        late=late,
        dead_letters=dead_letters,
    )
    return shop_table(steps, step)


def _steps(minutes: Floats) -> Floats:
    return np.asarray(minutes.reshape(*minutes.shape[:-1], -1, STEP_MINUTES).sum(axis=-1))
