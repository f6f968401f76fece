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

# The tolerances keep runs of small deviations quiet.
RUN_SHARE = 0.57
WINDOWS = (1, 3)

JITTER, HALF_HOUR, DAY = 2_400, 1_800, 86_400


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


def shop_model(_: Series, step: float) -> Model:
    """Returns the form of a baseline from four weeks, by the time of the week."""
    day = max(1, round(DAY / step))
    # Newsletters and jobs that run every week may come up to 40 minutes after or before.
    jitter = round(JITTER / step) if step < HALF_HOUR else 1 if step == HALF_HOUR else 0
    return Model(
        season=7 * day,
        history=4,
        unit=day if day > 1 else 7,
        level=Level.SLOW if day > 1 else Level.FIXED,
        is_ratio=True,
        smoothing=2 if step < HALF_HOUR else 0,
        jitter=jitter,
        run_share=RUN_SHARE,
        windows=WINDOWS,
        least_periods=0,
    )
