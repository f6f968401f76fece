"""Waits until PostgreSQL holds what was published."""

import time
from collections.abc import Callable

import psycopg

# Enough for a job that has to be started again on a slow machine.
STALLED_SECONDS = 120


def wait_until_stored(
    total: int, stored: Callable[[], int], keep_alive: Callable[[], object], show: Callable[[int], None]
) -> bool:
    """Waits until `stored` has reached `total`; false when it has not changed for STALLED_SECONDS."""
    last, since = -1, time.monotonic()
    while time.monotonic() < since + STALLED_SECONDS:
        keep_alive()
        now_stored = stored()
        show(now_stored)
        if now_stored >= total:
            return True
        if now_stored != last:
            last, since = now_stored, time.monotonic()
        time.sleep(0.2)
    return False


def rows_stored(connection: psycopg.Connection) -> int:
    """Raw events and dead letters, as the batches count them; cheap to ask often."""
    query = "select coalesce(sum(clicks + checkouts + dead_letters), 0)::bigint from batches"
    (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)
