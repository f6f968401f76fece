"""A shop with weeks of equal traffic in a database, and refreshes of its anomalies."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from runtime.analytics.anomalies.refreshing import refresh_anomalies

STEP = timedelta(minutes=5)
# Of two channels, in every step. The times in a step are spread out.
INSERT_CLICKS = """
insert into raw_clicks (click_id, user_id, utm_source, utm_medium, click_timestamp, arrived_at)
select 'c' || extract(epoch from at) || '-' || n, 'u', case when n %% 3 = 0 then 'newsletter' end,
       case when n %% 3 = 0 then 'email' end, at + n * interval '7 seconds', at
  from generate_series(%(first)s::timestamptz, %(last)s::timestamptz - interval '1 second', interval '5 minutes') at
 cross join generate_series(1, %(clicks)s) n
"""
INSERT_TRAFFIC = """
insert into traffic (source, medium, campaign, referrer_host, digest)
select source, medium, '', '', traffic_digest(source, medium, '', '')
  from (values ('', ''), ('newsletter', 'email')) l (source, medium)
    on conflict do nothing
"""
FINDINGS = """
select series, from_time, to_time, detector, finding_id from anomalies order by from_time, series
"""


def send(owner: psycopg.Connection, first: datetime, last: datetime, clicks: int = 12) -> None:
    """Stores clicks of the steps from `first` to before `last`."""
    owner.execute(INSERT_TRAFFIC)
    owner.execute("select regroup_traffic()")
    owner.execute(INSERT_CLICKS.encode(), {"first": first, "last": last, "clicks": clicks})


def detect(connection: psycopg.Connection, now: datetime) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("set local timezone = 'UTC'")
        refresh_anomalies(cursor, now)


def findings(connection: psycopg.Connection) -> list[Any]:
    return connection.execute(FINDINGS).fetchall()


def contents(owner: psycopg.Connection) -> list[Any]:
    """Returns all rows of the tables of the part, except how far it is."""
    return [
        owner.execute(f"select * from {table} order by 1, 2".encode()).fetchall()
        for table in ("channel_steps", "batch_steps", "anomaly_findings", "expected_ranges")
    ]
