"""Waiting for PostgreSQL to hold every published event."""

import time
from collections.abc import Callable

import psycopg

# Time without a new row after which waiting ends. A job that died can start again within it, also on a slow machine.
STALLED_SECONDS = 120


def wait_until_stored(
    total: int, stored: Callable[[], int], keep_alive: Callable[[], object], show: Callable[[int], None]
) -> bool:
    """Waits until `stored` returns `total` or more; returns False if its value does not change for STALLED_SECONDS."""
    last_count, last_change = -1, time.monotonic()
    while time.monotonic() < last_change + STALLED_SECONDS:
        keep_alive()
        count = stored()
        show(count)
        if count >= total:
            return True
        if count != last_count:
            last_count, last_change = count, time.monotonic()
        time.sleep(0.2)
    return False


def rows_stored(connection: psycopg.Connection) -> int:
    """Returns the number of raw events, refunds and dead letters. Sums the counts in `batches`, which is cheap."""
    query = "select coalesce(sum(clicks + checkouts + refunds + dead_letters), 0)::bigint from batches"
    (count,) = connection.execute(query).fetchone() or (0,)
    return int(count)
