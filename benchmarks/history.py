"""Fills `raw_clicks` with a history of clicks from before a run."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg

# Building the indexes after the inserts takes a fraction of the time.
DROP_INDEXES = "alter table raw_clicks drop constraint raw_clicks_pkey; drop index raw_clicks_by_user"
CREATE_INDEXES = (
    "create unique index raw_clicks_pkey on raw_clicks (click_id)",
    "create index raw_clicks_by_user on raw_clicks (user_id, is_bot, click_timestamp, click_id)",
)
ADD_PRIMARY_KEY = "alter table raw_clicks add primary key using index raw_clicks_pkey"
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
    """Stores `clicks` clicks, spread evenly over the last `minutes` minutes, with one writer per core."""
    shape = {"clicks": clicks, "minutes": minutes, "users": users, "step": WRITERS}
    parts = [shape | {"first": number} for number in range(1, WRITERS + 1)]
    with psycopg.connect(url, autocommit=True) as connection, ThreadPoolExecutor(WRITERS) as writers:
        connection.execute(DROP_INDEXES)
        list(writers.map(functools.partial(_insert, url), parts))
        list(writers.map(functools.partial(_create_index, url), CREATE_INDEXES))
        connection.execute(ADD_PRIMARY_KEY)
        connection.execute("vacuum analyze")


def _insert(url: str, part: dict[str, int]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(INSERT_CLICKS, part)


def _create_index(url: str, statement: LiteralString) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("set maintenance_work_mem = '512MB'; set max_parallel_maintenance_workers = 0")
        connection.execute(statement)
