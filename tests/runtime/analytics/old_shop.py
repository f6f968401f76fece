"""A shop whose first clicks are older than the days that the tests of the retention keep.

All times are computed when a test asks for them: a run of the tests may have begun on the day before.
"""

from datetime import UTC, datetime, timedelta

from tests.oracle import Checkout, Click, Event
from tests.runtime.analytics.shops import TRAFFIC

KEEP = 60
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SEARCH, MAIL = TRAFFIC[2], TRAFFIC[5]


LABELS = {f"{user}{number}": labels for user in "uvx" for number, labels in ((1, MAIL), (2, SEARCH))} | {"w1": MAIL}


def ago(days: float) -> datetime:
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - days * DAY


def old_events() -> list[Event]:
    """Returns the clicks and checkouts of four people.

    `u` has bought, `v` has not, `w` has bought twice, and the last time within the retention. The path of `x` begins
    before the days that are kept, and ends with one of them.
    """
    return [
        *(Click(ago(70), "u1", "u"), Click(ago(69), "u2", "u"), Checkout(ago(68), "u", "u", "10.00")),
        *(Click(ago(70), "v1", "v"), Click(ago(69), "v2", "v")),
        *(Click(ago(70), "w1", "w"), Checkout(ago(70) + HOUR, "w", "w", "5.00")),
        *(Click(ago(61), "x1", "x"), Click(ago(59), "x2", "x"), Checkout(ago(58), "x", "x", "8.00")),
    ]
