"""Keeps a test within one day of the clock: a server's `now()` and a test's would have different dates at midnight."""

import time
from datetime import UTC, datetime, timedelta

DAY = timedelta(days=1)


def within_a_day(duration: timedelta = timedelta(seconds=30)) -> datetime:
    """Returns the present time (UTC). Less than `duration` before midnight, waits for the next day first."""
    now = datetime.now(UTC)
    midnight = (now + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight - now < duration:
        time.sleep((midnight - now).total_seconds())
        now = datetime.now(UTC)
    return now
