"""The part `anomalies` of a refresh: counts the newest events, and looks for incidents in the complete steps."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import class_row, dict_row

from runtime.analytics.anomalies import statements
from runtime.analytics.anomalies.detection import expected_range, find
from runtime.analytics.anomalies.findings import Finding
from runtime.analytics.anomalies.reconciliation import StoredFinding, reconcile
from runtime.analytics.anomalies.series import SeriesTable, aggregate
from runtime.analytics.anomalies.shop_series import DAY, shop_model, shop_table
from runtime.analytics.anomalies.stored_steps import STEP, read_steps
from runtime.analytics.recomputation import fetch_row

# Events of a step are awaited for this long after its end: the time in which a restarted job catches up.
GRACE = timedelta(minutes=5)
# The detectors look at the current week and this many before it. None of them judges the first ones.
WEEKS = 5
LEAST_HISTORY = timedelta(days=21)
# More changed steps than this are counted by one look at all events of the weeks.
MOST_STEPS = 300
RANGE_DAYS = 14
HOUR = 3_600.0

log = logging.getLogger(__name__)


def refresh_anomalies(cursor: psycopg.Cursor, now: datetime) -> None:
    """Brings the sums, the expected ranges and the findings up to date, as of the given time."""
    monday = now.astimezone(UTC).date() - timedelta(days=now.astimezone(UTC).weekday(), weeks=WEEKS)
    until = datetime.fromtimestamp((now - GRACE).timestamp() // STEP * STEP, UTC)
    with cursor.connection.cursor(row_factory=dict_row) as by_name:
        state = by_name.execute(statements.READ_STATE).fetchone()
    if state is None:
        raise RuntimeError("analytics_settings or anomaly_state has no row; insert one with default values")
    if not state["concerns_all"] and (state["judged_until"] or 0.0) >= until.timestamp():
        return
    start = datetime(monday.year, monday.month, monday.day, tzinfo=UTC)
    facts = state | {"start": start, "until": until, "now": now}
    for statement in statements.FORGET_OLD:
        cursor.execute(statement, facts)
    _count(cursor, facts)
    cursor.execute(statements.WRITE_STATE, facts)
    steps = read_steps(cursor, facts)
    if steps is None or steps.times[-1] - steps.times[0] < LEAST_HISTORY.total_seconds():
        return
    table, first = shop_table(steps, STEP), float(steps.times[0]) + LEAST_HISTORY.total_seconds()
    # The detectors judge their first weeks by later ones: what they find there is no news.
    findings = [finding for finding in find(table, shop_model) if finding.alarm > first]
    _write_findings(cursor, findings, state["judged_until"] or 0.0, now)
    _write_ranges(cursor, aggregate(table, HOUR), max(first, now.timestamp() - RANGE_DAYS * DAY))


def _count(cursor: psycopg.Cursor, facts: dict[str, Any]) -> None:
    """Counts the steps with new events, or all steps of the weeks."""
    steps: list[datetime] = []
    if not facts["concerns_all"]:
        (steps,) = fetch_row(cursor, statements.READ_CHANGED_STEPS, facts)
    if facts["concerns_all"] or len(steps) > MOST_STEPS:
        cursor.execute(statements.DELETE_ALL_STEPS)
        cursor.execute(statements.COUNT_ALL, facts)
    else:
        cursor.execute(statements.DELETE_STEPS, {"steps": steps})
        cursor.execute(statements.COUNT_STEPS, facts | {"steps": steps})
    cursor.execute(statements.COUNT_BATCHES, facts)


def _write_findings(cursor: psycopg.Cursor, findings: Sequence[Finding], judged_until: float, now: datetime) -> None:
    """Stores the changes, and logs each new finding."""
    with cursor.connection.cursor(row_factory=class_row(StoredFinding)) as reader:
        stored = reader.execute(statements.READ_FINDINGS, {"now": now}).fetchall()
    changes = reconcile(stored, findings, judged_until)
    for finding in changes.added:
        row = _row(finding)
        cursor.execute(statements.INSERT_FINDING, row)
        log.warning("a series left its expected range", extra={"finding": row})
    for former, finding in changes.continued:
        row = _row(finding) | {"finding_id": former.finding_id}
        cursor.execute(statements.EXTEND_FINDING, row)
        cursor.execute(statements.WRITE_GREATER_DEVIATION, row)
    cursor.execute(statements.CLOSE_FINDINGS, {"ids": changes.closed})


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "series": finding.series,
        "detector": finding.detector,
        "begin": finding.begin,
        "end": finding.end + finding.step,
        "alarm": finding.alarm,
        "is_over": finding.is_over,
        "severity": finding.severity,
        "score": finding.score,
        "observed": finding.observed,
        "expected_low": finding.expected_low,
        "expected_high": finding.expected_high,
    }


def _write_ranges(cursor: psycopg.Cursor, table: SeriesTable, first: float) -> None:
    """Stores the expected ranges of the hours from `first` on that have none yet."""
    (newest,) = fetch_row(cursor, statements.READ_NEWEST_RANGE, {})
    since = first if newest is None else newest + HOUR
    columns: dict[str, list[Any]] = {name: [] for name in ("series", "hours", "observed", "low", "high")}
    for name, series in table.series.items() if table.times[-1] >= since else ():
        low, high = expected_range(series, shop_model(series, table.step))
        is_new = (table.times >= since) & np.isfinite(low) & np.isfinite(high) & np.isfinite(series.values)
        columns["series"] += [name] * int(is_new.sum())
        columns["hours"] += table.times[is_new].tolist()
        columns["observed"] += series.values[is_new].tolist()
        columns["low"] += low[is_new].tolist()
        columns["high"] += high[is_new].tolist()
    cursor.execute(statements.INSERT_RANGES, columns)
