"""SQL statements that count the new events and evaluate the rules of data quality, in execution order."""

from typing import LiteralString

READ_STATE = """
select s.counted::text, pg_current_snapshot()::text,
       -- Transactions have lower numbers in a database that was copied to another server.
       s.counted is null or pg_snapshot_xmin(s.counted) > pg_snapshot_xmax(pg_current_snapshot())
  from quality_state s
"""
WRITE_STATE = "update quality_state set counted = %(next)s::pg_snapshot"

FORGET_COUNTS = (
    "delete from click_counts where minute < %(start)s",
    "delete from checkout_counts where minute < %(start)s",
)
DELETE_COUNTS = ("delete from click_counts", "delete from checkout_counts")

# Limits a query to events that the last refresh has not seen. The index by transaction serves the first condition.
NEW: LiteralString = """
   and written_in >= pg_snapshot_xmin(%(counted)s::pg_snapshot)::text::bigint
   and not pg_visible_in_snapshot(written_in::text::xid8, %(counted)s::pg_snapshot)
"""

# Clicks never change, so that new ones are added to the sums.
CLICKS_BY_MINUTE: LiteralString = """
insert into click_counts as c
select date_trunc('minute', click_timestamp), count(*), count(*) filter (where is_bot),
       count(*) filter (where session_id is null), count(*) filter (where page_url is null),
       count(*) filter (where device_type is null), count(*) filter (where utm_source is null and not is_bot),
       count(*) filter (where ingested_at > arrived_at + interval '5 minutes'),
       count(*) filter (where stated_timestamp is not null)
  from raw_clicks
 where click_timestamp >= %(start)s
"""
ADD_CLICKS: LiteralString = """
 group by 1
    on conflict (minute) do update
   set clicks = c.clicks + excluded.clicks,
       robots = c.robots + excluded.robots,
       without_session = c.without_session + excluded.without_session,
       without_page = c.without_page + excluded.without_page,
       without_device = c.without_device + excluded.without_device,
       without_source = c.without_source + excluded.without_source,
       slow = c.slow + excluded.slow,
       corrected = c.corrected + excluded.corrected
"""
COUNT_ALL_CLICKS: LiteralString = CLICKS_BY_MINUTE + ADD_CLICKS
COUNT_NEW_CLICKS: LiteralString = CLICKS_BY_MINUTE + NEW + ADD_CLICKS

# Checkouts can be revised: the minutes of new and revised ones are counted again.
CHECKOUTS_BY_MINUTE: LiteralString = """
insert into checkout_counts as c
select date_trunc('minute', checkout_timestamp), count(*), count(*) filter (where items is null or items = '[]'),
       count(*) filter (where not test), count(*) filter (where not test and total_amount = 0), count(price),
       count(*) filter (where total_amount < price / 2 or total_amount > price * 2)
  from (
"""
WRITE_CHECKOUTS: LiteralString = """
       ) k
  left join lateral (
       select sum(quantity::numeric * unit_price::numeric) as price
         from jsonb_to_recordset(case jsonb_typeof(k.items) when 'array' then k.items end)
              as item (quantity text, unit_price text)
       having bool_and(quantity is not null and unit_price is not null)
              and sum(quantity::numeric * unit_price::numeric) > 0
       ) i on k.total_amount > 0
 group by 1
    on conflict (minute) do update
   set checkouts = excluded.checkouts,
       without_items = excluded.without_items,
       paid = excluded.paid,
       free = excluded.free,
       comparable = excluded.comparable,
       unlike_items = excluded.unlike_items
 where c is distinct from excluded
"""
ALL_CHECKOUTS: LiteralString = "select * from raw_checkouts where checkout_timestamp >= %(start)s"
COUNT_ALL_CHECKOUTS: LiteralString = CHECKOUTS_BY_MINUTE + ALL_CHECKOUTS + WRITE_CHECKOUTS
CHANGED_MINUTES: LiteralString = """
       select k.*
         from (
              select distinct date_trunc('minute', checkout_timestamp) as minute
                from raw_checkouts
               where checkout_timestamp >= %(start)s
"""
CHECKOUTS_OF_MINUTES: LiteralString = """
              ) m
        cross join lateral (
              select *
                from raw_checkouts
               where checkout_timestamp >= m.minute and checkout_timestamp < m.minute + interval '1 minute'
              ) k
"""
COUNT_NEW_CHECKOUTS: LiteralString = (
    CHECKOUTS_BY_MINUTE + CHANGED_MINUTES + NEW + CHECKOUTS_OF_MINUTES + WRITE_CHECKOUTS
)

# A rule that takes longer has failed.
LIMIT_RULES = "set local statement_timeout = '30s'"

FORGET_OLD = "delete from quality_results where hour < %(now)s::timestamptz - interval '90 days'"

# The current hour and the three before can still change. Hours without a result are caught up for a day.
READ_RULES = """
select r.name,
       least(h.hour - interval '3 hours',
             greatest(h.hour - interval '23 hours', (select max(q.hour) from quality_results q where q.rule = r.name)))
  from quality_rules r
 cross join (select date_trunc('hour', %(now)s::timestamptz, 'UTC') as hour) h
 where r.is_enabled
 order by r.name
"""

EVALUATE = """
insert into quality_results as q (rule, hour, bad, total, detail)
select %(rule)s, hour, bad, total, detail from evaluate_quality(%(rule)s, %(since)s, %(now)s)
    on conflict (rule, hour) do update
   set bad = excluded.bad, total = excluded.total, detail = excluded.detail, failure = null
 where (q.bad, q.total, q.detail, q.failure) is distinct from (excluded.bad, excluded.total, excluded.detail, null)
"""

RECORD_FAILURE = """
insert into quality_results as q (rule, hour, bad, total, failure)
select %(rule)s, hour, 0, 0, %(failure)s
  from generate_series(%(since)s::timestamptz, %(now)s::timestamptz, interval '1 hour') hour
    on conflict (rule, hour) do update
   set bad = 0, total = 0, detail = null, failure = excluded.failure
 where q.failure is distinct from excluded.failure
"""

# The hour before is complete, and the current one is judged as soon as it has enough events.
READ_BREACHES = """
select rule, severity, state, hour::text, bad, total, breached_since::text, failure
  from data_quality
 where hour >= date_trunc('hour', %(now)s::timestamptz, 'UTC') - interval '1 hour' and state in ('breached', 'failed')
 order by rule, data_quality.hour
"""
