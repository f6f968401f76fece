"""The steps of the sink's transaction for one slice of a micro-batch."""

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, LiteralString, NamedTuple

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import errors

from runtime.attribution_job.join.rule import ATTRIBUTION_WINDOW, WATERMARK_DELAY, Join
from runtime.attribution_job.sink import (
    clicks,
    correction_statements,
    credit_statements,
    days,
    history,
    received,
    statements,
)
from runtime.attribution_job.sink.copying import copy
from runtime.attribution_job.sink.counts import Added

STAGING_TABLES = {
    "checkout": "staged_checkouts",
    "refund": "staged_refunds",
    "candidate": "staged_credits",
}

log = logging.getLogger(__name__)


class New(NamedTuple):
    """Numbers of a slice's new events of one kind: all, the late ones, and those that needed a repair.

    `duplicate_days` are the days of clicks that were not new.
    """

    events: int = 0
    late: int = 0
    repaired: int = 0
    duplicate_days: tuple[date, ...] = ()


def begin(cursor: psycopg.Cursor, query_id: str, batch_id: int) -> dict[str, Any]:
    """Reads the facts before a micro-batch; returns the parameters of the statements of all its slices."""
    batch: dict[str, Any] = {"query_id": query_id, "batch_id": batch_id, "delay": WATERMARK_DELAY}
    return batch | history.read_history(cursor, batch)


def store(cursor: psycopg.Cursor, rows: Mapping[str, pa.Table], join: Join, batch: dict[str, Any]) -> Added:
    """Stores the rows of a slice. `statements` explains the order and why repeated rows change nothing."""
    for kind, staging_table in STAGING_TABLES.items():
        if kind in rows:
            copy(cursor, staging_table, rows[kind])
    new = {kind: New() for kind in received.EVENTS}
    if len(rows["click"]):
        new["click"] = store_clicks(cursor, rows["click"], batch)
    if len(rows["checkout"]):
        new["checkout"] = New(*fetch_row(cursor, statements.INSERT_CHECKOUTS, batch))
    if len(rows["refund"]):
        new["refund"] = New(*fetch_row(cursor, statements.INSERT_REFUNDS, batch))
    duplicates = {kind: len(rows[kind]) - new[kind].events for kind in received.EVENTS}
    bounds = [days.bounds(day, batch["first_day"]) for day in new["click"].duplicate_days]
    for bounds_of_day in bounds:
        cursor.execute(credit_statements.MARK_LATE, batch | bounds_of_day, prepare=False)
    conflicts = store_conflicts(cursor, duplicates, batch, bounds)
    revisions = 0
    if duplicates["checkout"]:
        revisions = fetch_row(cursor, correction_statements.REVISE_CHECKOUTS, batch)[0]
    return Added(
        clicks=new["click"].events,
        checkouts=new["checkout"].events,
        refunds=new["refund"].events,
        dead_letters=store_dead_letters(cursor, rows["dead_letter"], batch),
        credits=credit(cursor, join, batch) if len(rows["click"]) or len(rows["checkout"]) else 0,
        late=sum(events.late for events in new.values()),
        conflicts=conflicts,
        revisions=revisions,
        repaired=sum(events.repaired for events in new.values()),
    )


def store_clicks(cursor: psycopg.Cursor, all_clicks: pa.Table, batch: dict[str, Any]) -> New:
    """Stores new clicks, updates their users, and stages the clicks that can change stored rows."""
    unique = clicks.first_of_each_id(all_clicks)
    # Only ids of clicks up to these times are looked up, because no stored click is later. A later click has a stored
    # id only if a producer reused the id, or if another client inserted the click. COPY fails then, and the second
    # attempt looks up all ids.
    stored_until = batch["latest_click"], batch["unseen_until"]
    try:
        with cursor.connection.transaction():
            stored = copy_new(cursor, unique, clicks.not_later_than(unique.new, *stored_until), batch)
    except errors.UniqueViolation:
        stored = copy_new(cursor, unique, unique.new, batch)
    copy(cursor, "staged_visits", clicks.visits(stored.new))
    cursor.execute(statements.MERGE_VISITS)
    copy(cursor, "staged_clicks", clicks.duplicates_and_early(stored, batch))
    late = pc.sum(pc.less(stored.new["click_timestamp"], batch["watermark"])).as_py() or 0
    repaired = len(stored.new) - stored.new["repairs"].null_count
    return New(len(stored.new), late, repaired, tuple(stored.duplicates["day"].unique().to_pylist()))


def copy_new(
    cursor: psycopg.Cursor, unique: clicks.Clicks, to_look_up: pa.Table, batch: dict[str, Any]
) -> clicks.Clicks:
    """Copies clicks to `raw_clicks`, except clicks of `to_look_up` whose id is stored.

    Returns:
        The copied clicks as `new`, all others as `duplicates`.

    Raises:
        UniqueViolation: a click outside `to_look_up` has a stored id.
    """
    for day in to_look_up["day"].unique().to_pylist():
        ids = to_look_up.filter(pc.equal(to_look_up["day"], day))["click_id"].to_pylist()
        parameters = {"ids": ids} | days.bounds(day, batch["first_day"])
        known = cursor.execute(statements.KNOWN_CLICKS, parameters, prepare=False)
        unique = clicks.exclude_stored(unique, day, [click_id for (click_id,) in known])
    copy(cursor, "raw_clicks", clicks.raw_rows(unique.new, batch))
    return unique


def credit(cursor: psycopg.Cursor, join: Join, batch: dict[str, Any]) -> int:
    """Credits the checkouts that the slice concerns. Returns the number of changed credits."""
    times = cursor.execute(credit_statements.CREDIT_BOUNDS).fetchall()
    credited = 0
    for day_times in times:
        parameters = batch | touches(*day_times)
        credited += fetch_row(cursor, credit_statements.OF_DAY[join], parameters, prepare=False)[0]
    parameters = batch | (touches(times[0][0], times[-1][1]) if times else touches(None, None))
    credited += fetch_row(cursor, credit_statements.OF_ALL_DAYS[join], parameters, prepare=False)[0]
    return int(credited)


def touches(first_at: datetime | None, last_at: datetime | None) -> dict[str, datetime | None]:
    """Returns the parameters that limit a statement to the clicks of checkouts between two times."""
    return {"first_touch": first_at and first_at - ATTRIBUTION_WINDOW, "first_at": first_at, "last_at": last_at}


def store_dead_letters(cursor: psycopg.Cursor, rows: pa.Table, batch: dict[str, Any]) -> int:
    """Stores the dead letters that have a reason. Returns the number of new ones."""
    refused = received.refused(rows)
    if not len(refused):
        return 0
    copy(cursor, "staged_dead_letters", refused)
    return int(fetch_row(cursor, statements.INSERT_DEAD_LETTERS, batch)[0])


def store_conflicts(
    cursor: psycopg.Cursor,
    duplicates: Mapping[str, int],
    batch: dict[str, Any],
    bounds: Sequence[dict[str, datetime]],
) -> int:
    """Keeps and logs duplicates whose content differs from the stored event. Returns the number of new ones.

    `bounds` are those of the days with duplicate clicks.
    """
    staged = 0
    for kind, statement in correction_statements.STAGE_CONFLICTS.items():
        for bounds_of_part in bounds if kind == "click" else [{}]:
            if duplicates[kind]:
                staged += cursor.execute(statement, batch | bounds_of_part, prepare=False).rowcount
    if not staged:
        return 0
    ids = [event_id for (event_id,) in cursor.execute(correction_statements.STORE_CONFLICTS, batch)]
    if ids:
        log.warning(
            "events reuse a stored id with different content; the stored events are kept",
            extra={"batch_id": batch["batch_id"], "count": len(ids), "ids": ids[:10]},
        )
    return len(ids)


def fetch_row(
    cursor: psycopg.Cursor, statement: LiteralString, parameters: dict[str, Any], *, prepare: bool | None = None
) -> tuple[Any, ...]:
    """Executes a statement that returns one row."""
    row = cursor.execute(statement, parameters, prepare=prepare).fetchone()
    if row is None:
        raise RuntimeError(f"the statement returned no row: {statement}")
    return row
