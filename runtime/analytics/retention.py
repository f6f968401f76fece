"""Drops the days of raw clicks that are older than their retention."""

import logging

import psycopg
from psycopg import errors

log = logging.getLogger(__name__)


def drop_old_clicks(connection: psycopg.Connection, keep_days: int) -> None:
    """Drops the days that a refresh has read. Leaves it to the next refresh if somebody reads clicks for too long."""
    try:
        row = connection.execute("select drop_click_days(%s)", [keep_days]).fetchone()
    except errors.LockNotAvailable:
        log.warning("old clicks were not dropped, because the table is in use; the next refresh tries again")
        return
    if row and row[0]:
        log.info("dropped days of raw clicks", extra={"days": row[0]})
