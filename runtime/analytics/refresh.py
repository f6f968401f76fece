"""Keeps the tables of the attribution models up to date with the events.

A refresh is incremental: it recomputes the paths of what changed since the last one. The result is that of a refresh
from nothing, for any order of events and refreshes. Its changes are committed together, except that a large amount of
work is committed in parts, each of which leaves the tables consistent with each other.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import dict_row

from runtime.analytics import path_statements, refresh_statements, unconverted_statements
from runtime.analytics.parts import PARTS
from runtime.analytics.recomputation import Run, fetch_row, work
from runtime.analytics.retention import drop_old_clicks

# "ecor" in ASCII. erase_user() in the database takes the same lock.
REFRESH_LOCK = 0x65636F72
PART_SIZE = 20_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a refresh.

    Attributes:
        is_busy: another refresh was running, so this one did nothing.
        is_complete: the tables have every event that was stored when the refresh began. Otherwise the time was over,
            and the next refresh continues.
        checkouts: number of checkouts whose path changed.
        users: number of users whose unconverted paths changed.
        has_changes: a path or a weight of the chain has changed.
        message: why a model has no credits, with the remedy.
        failed: names of the parts of PARTS that failed; their tables are as before, and all others are up to date.
    """

    is_busy: bool = False
    is_complete: bool = False
    checkouts: int = 0
    users: int = 0
    has_changes: bool = False
    seconds: float = 0.0
    message: str | None = None
    failed: tuple[str, ...] = ()


def refresh(
    connection: psycopg.Connection,
    *,
    full: bool = False,
    seconds: float | None = None,
    part_size: int = PART_SIZE,
    keep_click_days: int | None = None,
) -> Outcome:
    """Brings the tables up to date. The connection is in autocommit mode, as pipeline_analytics or as the owner.

    `full` computes everything anew, in one transaction. `seconds` limits an incremental refresh, which then ends after
    the part that it works at; a part has at most `part_size` checkouts and users. After a complete refresh, days of raw
    clicks older than `keep_click_days` are dropped.
    """
    began = time.monotonic()
    with _lock(connection) as is_mine:
        if not is_mine:
            log.info("another refresh is running")
            return Outcome(is_busy=True)
        with _repeatable_read(connection):
            if full:
                with connection.transaction(), connection.cursor() as cursor:
                    for statement in refresh_statements.DELETE_EVERYTHING:
                        cursor.execute(statement)
                    run, is_complete = _refresh(connection, None, part_size)
            else:
                run, is_complete = _refresh(connection, None if seconds is None else began + seconds, part_size)
            failed = _refresh_parts(connection) if is_complete else ()
        if keep_click_days is not None and is_complete and not failed:
            drop_old_clicks(connection, keep_click_days)
    outcome = Outcome(
        is_complete=is_complete,
        checkouts=run.checkouts,
        users=run.users,
        has_changes=bool(run.checkouts or run.users or run.has_new_weights),
        seconds=round(time.monotonic() - began, 3),
        message=run.message,
        failed=failed,
    )
    log.info("refreshed the attribution models", extra={"outcome": asdict(outcome)})
    return outcome


def _refresh(connection: psycopg.Connection, deadline: float | None, part_size: int) -> tuple[Run, bool]:
    """Finds the changes and works through them in parts; returns whether it has reached the end."""
    with connection.transaction(), connection.cursor() as cursor:
        _prepare(cursor)
        run = _find_changes(cursor)
        is_complete = work(cursor, run, part_size)
    while not is_complete and (deadline is None or time.monotonic() < deadline):
        with connection.transaction(), connection.cursor() as cursor:
            _prepare(cursor)
            # Clicks that were written since the changes were found can be touches too.
            _add_traffic(cursor, run.facts | {"horizon": run.facts["next_horizon"]}, is_full=False)
            is_complete = work(cursor, run, part_size)
    return run, is_complete


def _refresh_parts(connection: psycopg.Connection) -> tuple[str, ...]:
    """Refreshes the parts that build on the models. Returns the names of those that failed, which hold up no other."""
    failed = []
    for name, refresh_part in PARTS.items():
        try:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute("set local timezone = 'UTC'")
                refresh_part(cursor, datetime.now(UTC))
        except (psycopg.Error, ArithmeticError, ValueError):
            if connection.broken:
                raise
            log.exception("a part of the refresh failed", extra={"part": name})
            failed.append(name)
    return tuple(failed)


def _prepare(cursor: psycopg.Cursor) -> None:
    # The length of a day would depend on the time zone.
    cursor.execute("set local timezone = 'UTC'")
    for statement in (path_statements.CREATE_STAGED_PATHS, *unconverted_statements.CREATE_STAGES):
        cursor.execute(statement)


def _find_changes(cursor: psycopg.Cursor) -> Run:
    """Notes the checkouts and users to recompute, and that the events up to now have been seen."""
    with cursor.connection.cursor(row_factory=dict_row) as by_name:
        facts = by_name.execute(refresh_statements.READ_STATE).fetchone()
    if facts is None:
        raise RuntimeError("analytics_settings or refresh_state has no row; insert one with default values")
    is_full = facts["concerns_all"]
    _add_traffic(cursor, facts, is_full=facts["horizon"] is None or is_full)
    cursor.execute(refresh_statements.ADD_REGROUPED)
    cursor.execute(refresh_statements.MARK_GROUPED)
    for statement in refresh_statements.ADD_CHANGES[is_full]:
        cursor.execute(statement, facts)
    cursor.execute(refresh_statements.WRITE_STATE, facts)
    if facts["has_other_order"]:
        cursor.execute(refresh_statements.DELETE_STEPS)
        cursor.execute(refresh_statements.COUNT_STEPS, facts)
    kind = "full" if is_full else "incremental"
    (run_id,) = fetch_row(cursor, refresh_statements.BEGIN_RUN, facts | {"kind": kind})
    return Run(facts, run_id)


def _add_traffic(cursor: psycopg.Cursor, facts: dict[str, Any], *, is_full: bool) -> None:
    if is_full:
        cursor.execute(refresh_statements.ADD_ALL_TRAFFIC)
    else:
        cursor.execute(refresh_statements.ADD_NEW_TRAFFIC, facts)
    cursor.execute(refresh_statements.GROUP_TRAFFIC)
    cursor.execute(refresh_statements.MARK_NEW)


@contextmanager
def _lock(connection: psycopg.Connection) -> Iterator[bool]:
    """Yields whether no other refresh is running; this one is then the only one until the end of the block."""
    cursor = connection.cursor()
    (is_mine,) = fetch_row(cursor, "select pg_try_advisory_lock(%(key)s)", {"key": REFRESH_LOCK})
    try:
        yield is_mine
    finally:
        if is_mine and not connection.broken:
            cursor.execute("select pg_advisory_unlock(%(key)s)", {"key": REFRESH_LOCK})


@contextmanager
def _repeatable_read(connection: psycopg.Connection) -> Iterator[None]:
    """Lets every transaction of the block see the events of one moment."""
    former = connection.isolation_level
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        yield
    finally:
        connection.isolation_level = former
