"""The part `quality` of a refresh: evaluates the rules of data quality for the hours that can still change."""

import logging
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from runtime.analytics.quality import statements

# Errors in the text of a rule, refused writes, missing privileges and exceeded limits. Other messages can quote events.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
SAFE_CLASSES = ("0A", "25", "42", "57")

log = logging.getLogger(__name__)


def refresh_quality(cursor: psycopg.Cursor, now: datetime) -> None:
    """Brings the results of all rules up to date, as of the given time. A rule that fails stops no other."""
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
