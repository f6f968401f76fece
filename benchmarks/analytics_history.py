"""Fills a database with a shop's clicks and checkouts of 90 days, and adds some new events."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString

import psycopg

DAYS = 90
CLICKS_PER_USER = 30
WRITERS = os.cpu_count() or 1
# Numbers of users and labels are hashed, so that a run repeats. Events are stored in the order of their times, as they
# would arrive. 40 combinations of labels make 9 channels.
INSERT_CLICKS = """
insert into raw_clicks (click_id, user_id, session_id, product_id, page_url, utm_source, utm_medium, utm_campaign,
                        device_type, click_timestamp, arrived_at)
select 'h-' || n, 'user-' || abs(hashint8(n)::bigint) %% %(users)s, 's-' || n / 3, 'product-' || product,
       'https://shop.example/products/product-' || product, (label).source, (label).medium, (label).campaign, 'mobile',
       at, at
  from (select n, abs(hashint8(n + 1)::bigint) %% 400 as product,
               now() - interval '1 day' * (%(days)s * (1 - n / %(clicks)s::float8)) as at,
               (select array_agg(row(source, medium, campaign)::bench_label order by source, campaign)
                  from bench_labels) as labels
          from generate_series(%(first)s::bigint, %(clicks)s::bigint, %(step)s::bigint) n) click
 cross join lateral (select labels[1 + abs(hashint8(n + 3)::bigint) %% cardinality(labels)] as label) chosen
"""
INSERT_CHECKOUTS = """
insert into raw_checkouts (checkout_id, user_id, session_id, items, total_amount, currency, payment_method,
                           checkout_timestamp, arrived_at)
select 'o-' || n, 'user-' || abs(hashint8(n + 4)::bigint) %% %(users)s, 's-' || n,
       jsonb_build_array(jsonb_build_object('product_id', 'product-' || n %% 400, 'quantity', 1, 'unit_price', amount)),
       amount, ('{USD,EUR,GBP,CAD,AUD}'::text[])[1 + n %% 5], 'card', at, at
  from (select n, round(5 + (abs(hashint8(n + 5)::bigint) %% 19500) / 100.0, 2) as amount,
               now() - interval '1 day' * (%(days)s * (1 - n / %(checkouts)s::float8)) as at
          from generate_series(%(first)s::bigint, %(checkouts)s::bigint, %(step)s::bigint) n) checkout
"""
LABELS = """
create type bench_label as (source text, medium text, campaign text);
create table bench_labels as
select source, medium, nullif(prefix || '-' || n, 'none-' || n) as campaign
  from (values ('google', 'cpc', 'search', 12), ('facebook', 'paid_social', 'social', 8),
               ('newsletter', 'email', 'mail', 8), ('partner', 'affiliate', 'reviews', 5),
               ('tiktok', 'paid_social', 'video', 4), ('google', 'organic', 'none', 1), (null, null, 'none', 1),
               ('bing', 'organic', 'none', 1)) l (source, medium, prefix, campaigns)
 cross join lateral generate_series(1, campaigns) n
"""
INPUTS = """
insert into exchange_rates (day, currency, rate)
select current_date - %(days)s - 1, currency, rate
  from (values ('USD', 0.9), ('GBP', 1.2), ('CAD', 0.7), ('AUD', 0.6)) r (currency, rate);
insert into ad_spend (day, channel, campaign, amount, currency)
select day::date, channel, campaign, 100, 'USD'
  from generate_series(current_date - %(days)s + 1, current_date, interval '1 day') day
 cross join (values ('Paid Search', 'search-1'), ('Paid Search', 'search-2'), ('Paid Social', 'social-1'),
                    ('Affiliates', 'reviews-1')) s (channel, campaign)
"""
# The batch of a minute: clicks and checkouts of users who have a history.
ADD_CLICKS = """
insert into raw_clicks (click_id, user_id, product_id, utm_source, utm_medium, utm_campaign,
                        click_timestamp, arrived_at)
select 'n-' || %(turn)s || '-' || n, 'user-' || abs(hashint8(n + %(turn)s * 7919)::bigint) %% users, 'product-1',
       'google', 'cpc', 'search-1', now(), now()
  from generate_series(1, %(clicks)s::bigint) n
 cross join (select count(*) / %(clicks_per_user)s as users from raw_clicks where click_id ~ '^h-') u
"""
ADD_CHECKOUTS = """
insert into raw_checkouts (checkout_id, user_id, total_amount, currency, checkout_timestamp, arrived_at)
select 'n-' || %(turn)s || '-' || n, 'user-' || abs(hashint8(n + %(turn)s * 7919)::bigint) %% users, 49.90, 'EUR',
       now(), now()
  from generate_series(1, %(checkouts)s::bigint) n
 cross join (select count(*) / %(clicks_per_user)s as users from raw_clicks where click_id ~ '^h-') u
"""


def store(url: str, *, checkouts: int, clicks: int) -> None:
    """Stores clicks, checkouts, spend and exchange rates of the last 90 days, with one writer per core."""
    shape = {
        "clicks": clicks,
        "checkouts": checkouts,
        "users": clicks // CLICKS_PER_USER,
        "days": DAYS,
        "step": WRITERS,
    }
    parts = [shape | {"first": number} for number in range(1, WRITERS + 1)]
    with psycopg.connect(url, autocommit=True) as connection, ThreadPoolExecutor(WRITERS) as writers:
        connection.execute(LABELS)
        connection.cursor().execute(INPUTS.replace("%(days)s", str(DAYS)))
        for statement in (INSERT_CLICKS, INSERT_CHECKOUTS):
            list(writers.map(functools.partial(_insert, url, statement), parts))
        connection.execute("vacuum analyze")


def add_events(connection: psycopg.Connection, count: int, turn: int) -> None:
    """Adds `count` new events, one in eleven a checkout."""
    checkouts = count // 11
    numbers = {"turn": turn, "clicks_per_user": CLICKS_PER_USER, "clicks": count - checkouts, "checkouts": checkouts}
    with connection.transaction():
        connection.execute(ADD_CLICKS, numbers)
        connection.execute(ADD_CHECKOUTS, numbers)


def _insert(url: str, statement: LiteralString, part: dict[str, int]) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement, part)
