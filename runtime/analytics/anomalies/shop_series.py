"""The series of a shop: which deviations of them are findings, and the form of their baselines."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from runtime.analytics.anomalies.seasonal import Level, Model
from runtime.analytics.anomalies.series import Floats, Kind, Series, SeriesTable, Watch, ratio

# Sales raise volumes and conversion, lower the order value, and shift the channels: within these limits that is normal.
VOLUME_TOLERANCE = 0.20
CHANNEL_TOLERANCE = 0.25
RATE_TOLERANCE = 0.20
ORDER_VALUE_TOLERANCE = 0.30
UNATTRIBUTED_TOLERANCE = 0.5
LATE_TOLERANCE = 1.0
DEAD_LETTER_TOLERANCE = 2.0

# Three steps in a row confirm each other. Windows that overlap do so less, and a few large orders raise several.
VALUE_WINDOWS = ((1, 0.57), (3, 0.85))
COUNT_WINDOWS = ((1, 0.57), (3, 0.8))
FINE_COUNT_WINDOWS = (*COUNT_WINDOWS, (6, 0.85))

JITTER, HALF_HOUR, TWO_HOURS, DAY = 2_400, 1_800, 7_200, 86_400


@dataclass(frozen=True)
class ShopSteps:
    """Sums of a shop by step. `channel_checkouts`: by their last touch; `unattributed`: without a touch.

    `revenue`: of the `priced` checkouts. `events`: accepted ones, of which `late` were late. `dead_letters`: refused.
    """

    times: Floats
    channel_clicks: Mapping[str, Floats]
    channel_checkouts: Mapping[str, Floats]
    unattributed: Floats
    revenue: Floats
    priced: Floats
    events: Floats
    late: Floats
    dead_letters: Floats


def shop_table(steps: ShopSteps, step: float) -> SeriesTable:
    """Returns the series of the sums. More volume than usual is a sale or, with a lower conversion rate, robots."""
    clicks = np.sum(list(steps.channel_clicks.values()), axis=0)
    checkouts = np.sum(list(steps.channel_checkouts.values()), axis=0) + steps.unattributed
    received = steps.events + steps.dead_letters
    series = {
        "clicks": _volume(clicks, VOLUME_TOLERANCE),
        "checkouts": _volume(checkouts, VOLUME_TOLERANCE),
        "revenue": Series(steps.revenue, Kind.LEVEL, watch=Watch.LOW, tolerance=ORDER_VALUE_TOLERANCE),
        "order_value": Series(
            ratio(steps.revenue, steps.priced), Kind.MEAN, steps.priced, Watch.BOTH, ORDER_VALUE_TOLERANCE
        ),
        "conversion_rate": _share(checkouts, clicks, Watch.LOW, RATE_TOLERANCE),
        "unattributed_share": _share(steps.unattributed, checkouts, Watch.HIGH, UNATTRIBUTED_TOLERANCE),
        "late_share": _share(steps.late, steps.events, Watch.HIGH, LATE_TOLERANCE),
        "dead_letter_share": _share(steps.dead_letters, received, Watch.HIGH, DEAD_LETTER_TOLERANCE),
    }
    for channel, channel_clicks in steps.channel_clicks.items():
        series[f"clicks, {channel}"] = _volume(channel_clicks, CHANNEL_TOLERANCE)
        series[f"conversion_rate, {channel}"] = _share(
            steps.channel_checkouts[channel], channel_clicks, Watch.LOW, CHANNEL_TOLERANCE
        )
    return SeriesTable(steps.times, step, series)


def _volume(values: Floats, tolerance: float) -> Series:
    return Series(values, Kind.COUNT, watch=Watch.LOW, tolerance=tolerance)


def _share(parts: Floats, wholes: Floats, watch: Watch, tolerance: float) -> Series:
    # A click can be counted in an earlier step than its checkout, or not at all.
    return Series(ratio(np.minimum(parts, wholes), wholes), Kind.SHARE, wholes, watch, tolerance)


def shop_model(series: Series, step: float) -> Model:
    """Returns the form of a baseline from four weeks, by the time of the week."""
    day = max(1, round(DAY / step))
    # Newsletters and jobs that run every week may come up to 40 minutes after or before.
    jitter = round(JITTER / step) if step < HALF_HOUR else 1 if step == HALF_HOUR else 0
    is_fine, is_number = step < HALF_HOUR, series.kind in (Kind.COUNT, Kind.LEVEL)
    has_values = series.kind in (Kind.MEAN, Kind.LEVEL)
    return Model(
        season=7 * day,
        history=4,
        unit=day if day > 1 else 7,
        level=Level.SLOW if day > 1 else Level.FIXED,
        is_ratio=True,
        smoothing=2 if is_fine else 0,
        # Rates differ less by the time of the day than numbers, and single steps have few checkouts.
        pooled=(round(HALF_HOUR / step) if is_fine else 0) if is_number else round(TWO_HOURS / step),
        jitter=jitter,
        ebb=day if is_number else 0,
        windows=VALUE_WINDOWS if has_values else FINE_COUNT_WINDOWS if is_fine else COUNT_WINDOWS,
        has_normal_noise=True,
        least_periods=0,
    )
