"""The part `segments` of a refresh: computes the segments and the models of purchases to come, once a day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
from psycopg.rows import dict_row

from runtime.analytics.recomputation import fetch_row
from runtime.analytics.segments import statements, value_model
from runtime.analytics.segments.histories import DAYS_A_WEEK, HeldOut, Histories
from runtime.analytics.segments.likelihood import FitError
from runtime.analytics.segments.rfm import SEGMENTS
from runtime.analytics.segments.value_model import HORIZON_WEEKS, ValueModel

# Names by r, from 1, and f.
NAMES = [list(SEGMENTS[r]) for r in sorted(SEGMENTS)]
NO_CUSTOMERS = "there is no checkout before today; segments are computed for complete days"


def refresh_segments(cursor: psycopg.Cursor, now: datetime) -> None:
    """Computes the segments as of the last complete day with a checkout, if that is due."""
    with cursor.connection.cursor(row_factory=dict_row) as by_name:
        facts = by_name.execute(statements.READ_STATE, {"today": now.astimezone(UTC).date()}).fetchone()
    if facts is None:
        raise RuntimeError("segment_state has no row; insert one with default values")
    if not facts["is_due"]:
        return
    for statement in statements.DELETE_EVERYTHING:
        cursor.execute(statement)
    if facts["as_of"] is None:
        _write_model(cursor, facts, ValueModel(why_no_purchases=NO_CUSTOMERS, why_no_value=NO_CUSTOMERS))
    else:
        _compute(cursor, facts)
    cursor.execute(statements.WRITE_STATE, facts)


def _compute(cursor: psycopg.Cursor, facts: dict[str, Any]) -> None:
    as_of: date = facts["as_of"]
    sunday = as_of - timedelta(days=as_of.isoweekday() % DAYS_A_WEEK)
    parameters = facts | {
        "segments": NAMES,
        "weeks": statements.WEEKS,
        "first_sunday": sunday - timedelta(weeks=statements.WEEKS),
    }
    for statement in (statements.CREATE_STATES, statements.CREATE_PREDICTIONS):
        cursor.execute(statement)
    cursor.execute(statements.INSERT_STATES, parameters)
    cursor.execute(statements.ANALYZE_STATES)
    histories, _ = _read_histories(cursor, as_of)
    model = value_model.fit(histories)
    with cursor.copy(statements.COPY_PREDICTIONS) as copy:
        for customer, row in enumerate(zip(*model.predictions(histories), strict=True), start=1):
            copy.write_row((customer, *(None if np.isnan(value) else float(value) for value in row)))
    cursor.execute(statements.INSERT_SCORES, parameters)
    cursor.execute(statements.INSERT_MOVES, parameters)
    _write_model(cursor, facts, model, histories, _write_calibration(cursor, as_of))


def _read_histories(cursor: psycopg.Cursor, day: date) -> tuple[Histories, np.ndarray[Any, np.dtype[np.float64]]]:
    """Returns the histories up to a day, by customer, and the numbers of their purchases after it."""
    parts = [np.empty((0, 5))]
    with cursor.connection.cursor("histories") as rows:
        rows.execute(statements.READ_HISTORIES, {"day": day})
        while batch := rows.fetchmany(50_000):
            parts.append(np.array(batch, np.float64))
    repeats, recency, age, value, later = np.concatenate(parts).T
    histories = Histories(repeats, recency / DAYS_A_WEEK, age / DAYS_A_WEEK, value, np.ones(len(age)))
    return histories, later


def _write_calibration(cursor: psycopg.Cursor, as_of: date) -> str | None:
    """Compares the predictions of an earlier day with the weeks after it. Returns why that is not possible."""
    (first_day,) = fetch_row(cursor, statements.FIRST_DAY, {})
    weeks = value_model.held_out_weeks((as_of - first_day).days // DAYS_A_WEEK)
    if not weeks:
        return f"the first checkout is of {first_day}: predictions are compared after three weeks"
    histories, later = _read_histories(cursor, as_of - timedelta(weeks=weeks))
    try:
        points = value_model.check(HeldOut(histories, weeks, later))
    except FitError as error:
        return f"{weeks} weeks earlier: {error}"
    for number, point in enumerate(points, start=1):
        values = point.customers, point.predicted_probability, point.observed_share
        purchases = point.predicted_purchases, point.observed_purchases
        cursor.execute(statements.INSERT_POINT, (number, weeks, *values, *purchases))
    return None


def _write_model(
    cursor: psycopg.Cursor,
    facts: dict[str, Any],
    model: ValueModel,
    histories: Histories | None = None,
    why_no_calibration: str | None = NO_CUSTOMERS,
) -> None:
    without_value = 0 if histories is None else int(np.isnan(histories.repeat_value).sum())
    notes = []
    if without_value:
        (missing,) = fetch_row(cursor, statements.MISSING_RATES, facts)
        notes.append(
            f"{without_value} customers have neither monetary value nor expected value, because exchange rates are "
            f"missing; load rates of {missing}."
        )
    if model.limits:
        limits = ", ".join(model.limits)
        notes.append(
            f"Customers hardly differ in what {limits} describe: these parameters are at an end of their range."
        )
    parameters = {
        "as_of": facts["as_of"],
        "horizon_weeks": HORIZON_WEEKS,
        "customers": 0 if histories is None else len(histories.age),
        "repeat_customers": 0 if histories is None else int(np.count_nonzero(histories.repeat_purchases)),
        "fitted_customers": model.fitted_customers,
        "why_no_purchases": model.why_no_purchases,
        "why_no_value": model.why_no_value,
        "why_no_calibration": why_no_calibration,
        "customers_without_value": without_value,
        "notes": " ".join(notes) or None,
    }
    parameters |= {name: getattr(model.purchases, name, None) for name in ("r", "alpha", "a", "b")}
    parameters |= {name: getattr(model.value, name, None) for name in ("p", "q", "gamma")}
    cursor.execute(statements.INSERT_MODEL, parameters)
