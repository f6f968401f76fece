"""The days of clicks. `raw_clicks` has a partition for each, and a click id is unique within its partition.

The clicks of all days before `first_day` are in one partition. For them, the day before `first_day` stands.
"""

from datetime import UTC, date, datetime, time, timedelta

import psycopg
import pyarrow as pa
import pyarrow.compute as pc

from runtime.attribution_job.sink import statements

DAY = timedelta(days=1)
EARLIEST = datetime.min.replace(tzinfo=UTC)


def ensure(session: psycopg.Connection, clicks: pa.Table) -> date:
    """Creates the missing partitions for clicks and for the day after the last one; returns the first day of all.

    It is no part of a batch's transaction, because other sessions wait until the partitions are there.
    """
    days = sorted(_days(clicks).unique().to_pylist())
    row = session.execute(statements.ENSURE_DAYS, {"days": [*days, *(day + DAY for day in days[-1:])]}).fetchone()
    if row is None:
        raise RuntimeError("ensure_click_days returned nothing")
    first_day: date = row[0]
    return first_day


def with_day(clicks: pa.Table, first_day: date) -> pa.Table:
    """Returns the clicks with the column `day`."""
    return clicks.append_column("day", pc.max_element_wise(_days(clicks), pa.scalar(first_day - DAY, pa.date32())))


def bounds(day: date, first_day: date) -> dict[str, datetime]:
    """Returns the parameters that limit a statement to the partition of a day, so that it opens no other one."""
    begins = datetime.combine(day, time(), UTC)
    return {"day_begins": begins if day >= first_day else EARLIEST, "day_ends": begins + DAY}


def _days(clicks: pa.Table) -> pa.ChunkedArray:
    return clicks["click_timestamp"].cast(pa.date32())
