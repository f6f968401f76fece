"""The part `quality` of a refresh: counts new events, and evaluates the rules for the hours that can still change."""

import logging
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import dict_row

from runtime.analytics.quality import statements
from runtime.analytics.recomputation import fetch_row

# Rules look seven days back, and hours without a result are caught up for one more.
DAYS_OF_COUNTS = timedelta(days=15)
# Errors in the text of a rule, refused writes, missing privileges and exceeded limits. Other messages can quote events.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
SAFE_CLASSES = ("0A", "25", "42", "57")

log = logging.getLogger(__name__)


def refresh_quality(cursor: psycopg.Cursor, now: datetime) -> None:
    """Brings the results of all rules up to date, as of the given time. A rule that fails stops no other."""
    _count(cursor, now)
    cursor.execute(statements.LIMIT_RULES)
    cursor.execute(statements.FORGET_OLD, {"now": now})
    for rule, since in cursor.execute(statements.READ_RULES, {"now": now}).fetchall():
        parameters = {"rule": rule, "since": since, "now": now}
        try:
            with cursor.connection.transaction():
                cursor.execute(statements.EVALUATE, parameters)
        except psycopg.Error as error:
            if cursor.connection.broken:
                raise
            cursor.execute(statements.RECORD_FAILURE, parameters | {"failure": _reason(error)})
    _report(cursor, now)


def _count(cursor: psycopg.Cursor, now: datetime) -> None:
    """Brings the sums by minute up to date with the events that the last refresh has not seen."""
    counted, current, concerns_all = fetch_row(cursor, statements.READ_STATE, {})
    parameters = {"counted": counted, "next": current, "start": now - DAYS_OF_COUNTS}
    for statement in statements.DELETE_COUNTS if concerns_all else statements.FORGET_COUNTS:
        cursor.execute(statement, parameters)
    cursor.execute(statements.COUNT_ALL_CLICKS if concerns_all else statements.COUNT_NEW_CLICKS, parameters)
    cursor.execute(statements.COUNT_ALL_CHECKOUTS if concerns_all else statements.COUNT_NEW_CHECKOUTS, parameters)
    cursor.execute(statements.WRITE_STATE, parameters)


def _reason(error: psycopg.Error) -> str:
    """Returns the reason of a failure, without data of events."""
    state = error.sqlstate or ""
    message = error.diag.message_primary if state.startswith(SAFE_CLASSES) else type(error).__name__
    return f"{message} (SQLSTATE {state})"


def _report(cursor: psycopg.Cursor, now: datetime) -> None:
    """Logs each rule that is breached or has failed in the current hour or the one before."""
    with cursor.connection.cursor(row_factory=dict_row) as breaches:
        for breach in breaches.execute(statements.READ_BREACHES, {"now": now}):
            log.warning("data does not follow a quality rule", extra={"breach": breach})
