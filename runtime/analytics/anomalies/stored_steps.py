"""The stored sums of a shop by steps of five minutes, as arrays without gaps."""

from typing import Any

import numpy as np
import psycopg
from psycopg.rows import dict_row

from runtime.analytics.anomalies import statements
from runtime.analytics.anomalies.series import Floats
from runtime.analytics.anomalies.shop_series import ShopSteps
from runtime.analytics.recomputation import fetch_row

STEP = 300.0
UNATTRIBUTED, OTHER = "(unattributed)", "(other channels)"
# Channels with series of their own: the ones with most clicks, and with enough of them.
MOST_CHANNELS = 12
LEAST_CLICKS_A_STEP = 0.2


def read_steps(cursor: psycopg.Cursor, facts: dict[str, Any]) -> ShopSteps | None:
    """Returns the sums from the first click on; None without a click. A step without events is no gap, but has zeros.

    Small channels are added up to one.
    """
    (first,) = fetch_row(cursor, statements.READ_FIRST, {})
    if first is None:
        return None
    times = np.arange(first, facts["until"].timestamp(), STEP)

    def placed(row: dict[str, Any], name: str) -> Floats:
        values, cells = np.zeros(len(times)), np.round((np.array(row["at"]) - first) / STEP).astype(np.int64)
        is_within = (cells >= 0) & (cells < len(times))
        values[cells[is_within]] = np.array(row[name])[is_within]
        return values

    with cursor.connection.cursor(row_factory=dict_row, binary=True) as by_name:
        channels = {row.pop("channel"): row for row in by_name.execute(statements.READ_CHANNELS, facts).fetchall()}
        batches = by_name.execute(statements.READ_BATCHES, facts).fetchone()
    if batches is None or batches["at"] is None:
        batches = {"at": [], "events": [], "late": [], "dead_letters": []}
    large = [name for name, row in channels.items() if sum(row["clicks"]) >= LEAST_CLICKS_A_STEP * len(times)]
    names = [*large[:MOST_CHANNELS], UNATTRIBUTED]
    clicks, checkouts = (
        {OTHER: np.zeros(len(times))} | {name: np.zeros(len(times)) for name in names} for _ in range(2)
    )
    for name, row in channels.items():
        clicks[name if name in names else OTHER] += placed(row, "clicks")
        checkouts[name if name in names else OTHER] += placed(row, "checkouts")
    del clicks[UNATTRIBUTED]
    unattributed = checkouts.pop(UNATTRIBUTED)
    return ShopSteps(
        times=times,
        channel_clicks=clicks,
        channel_checkouts=checkouts,
        unattributed=unattributed,
        revenue=np.sum([placed(row, "revenue") for row in channels.values()], axis=0),
        priced=np.sum([placed(row, "priced") for row in channels.values()], axis=0),
        events=placed(batches, "events"),
        late=placed(batches, "late"),
        dead_letters=placed(batches, "dead_letters"),
    )
