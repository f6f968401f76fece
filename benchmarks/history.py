"""Fills `raw_clicks` with a history of clicks from before a run."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
from psycopg import sql

# Building an index after the inserts takes a fraction of the time. The primary keys are those of the partitions.
DROP_INDEX = "drop index raw_clicks_by_user"
CREATE_INDEX = "create index raw_clicks_by_user on raw_clicks (user_id, is_bot, click_timestamp, click_id)"
# A new database keeps all clicks before its second day in one partition.
BEGIN_DAYS_EARLIER = """
alter table raw_clicks detach partition raw_clicks_before;
alter table raw_clicks attach partition raw_clicks_before for values from (minvalue) to ({first_day})
"""
ENSURE_DAYS = """
select ensure_click_days(array(
    select day::date from generate_series(now() - %(minutes)s * interval '1 minute', now() + interval '1 day',
                                          interval '1 day') day
))
"""
WRITERS = os.cpu_count() or 1
INSERT_CLICKS = """
insert into raw_clicks (click_id, user_id, session_id, product_id, page_url, utm_source, utm_medium, utm_campaign,
                        device_type, click_timestamp, arrived_at, late)
select 'h-' || md5(n::text), 'user-' || lpad((hashint8(n) & 2147483647) %% %(users)s || '', 7, '0'),
       's-' || substr(md5(n::text), 1, 12), 'product-00001', 'https://shop.example/products/product-00001', 'google',
       'cpc', 'brand', 'mobile', at, at, false
  from (select n, now() - %(minutes)s * interval '1 minute' * (1 - n / %(clicks)s::float8) as at
          from generate_series(%(first)s, %(clicks)s, %(step)s) n) click
"""


def store(url: str, clicks: int, *, minutes: int, users: int) -> None:
    """Stores `clicks` clicks, spread evenly over the last `minutes` minutes, with one writer per core.

    Days have partitions of their own, as in a database that is older than its clicks.
    """
    shape = {"clicks": clicks, "minutes": minutes, "users": users, "step": WRITERS}
    parts = [shape | {"first": number} for number in range(1, WRITERS + 1)]
    with psycopg.connect(url, autocommit=True) as connection, ThreadPoolExecutor(WRITERS) as writers:
        first_day = datetime.now(UTC).date() - timedelta(minutes=minutes) - timedelta(days=1)
        connection.execute(sql.SQL(BEGIN_DAYS_EARLIER).format(first_day=sql.Literal(first_day.isoformat())))
        connection.execute(ENSURE_DAYS, shape)
        connection.execute(DROP_INDEX)
        list(writers.map(functools.partial(_insert, url), parts))
        connection.execute("set maintenance_work_mem = '512MB'; set max_parallel_maintenance_workers = 0")
        connection.execute(CREATE_INDEX)
        connection.execute("vacuum analyze")


def _insert(url: str, part: dict[str, int]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(INSERT_CLICKS, part)
