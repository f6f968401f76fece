"""SQL statements of the part `anomalies` of a refresh, in execution order.

A refresh counts the steps again that have events written since `horizon`, the oldest transaction that was running when
the last refresh looked. A step is five minutes, counted from 1970.
"""

from typing import LiteralString

READ_STATE = """
select s.horizon, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as next_horizon, n.reporting_currency,
       -- Transactions have lower numbers in a database that was copied to another server.
       s.horizon is null or s.horizon > pg_snapshot_xmax(pg_current_snapshot())::text::bigint
       or s.reporting_currency is distinct from n.reporting_currency as concerns_all,
       extract(epoch from s.judged_until)::float8 as judged_until
  from anomaly_state s
 cross join analytics_settings n
"""

FORGET_OLD = (
    "delete from channel_steps where at < %(start)s",
    "delete from batch_steps where at < %(start)s",
    "delete from expected_ranges where hour < %(now)s::timestamptz - interval '14 days'",
)

# Paths of the newest checkouts can still change: the newest steps are always counted again.
READ_CHANGED_STEPS = """
select array_agg(at)
  from (
       select date_bin('5 minutes', click_timestamp, 'epoch') as at
         from raw_clicks
        where written_in >= %(horizon)s and click_timestamp >= %(start)s and click_timestamp < %(until)s
        union
       select date_bin('5 minutes', checkout_timestamp, 'epoch')
         from raw_checkouts
        where written_in >= %(horizon)s and checkout_timestamp >= %(start)s and checkout_timestamp < %(until)s
        union
       select generate_series(%(until)s::timestamptz - interval '30 minutes',
                              %(until)s::timestamptz - interval '5 minutes', interval '5 minutes')
       ) step
 where at >= %(start)s
"""

DELETE_STEPS = "delete from channel_steps where at = any(%(steps)s)"
DELETE_ALL_STEPS = "delete from channel_steps"

CLICK: LiteralString = """
select date_bin('5 minutes', click_timestamp, 'epoch') as at,
       traffic_digest(coalesce(utm_source, ''), coalesce(utm_medium, ''), coalesce(utm_campaign, ''),
                      referrer_host(referrer)) as digest
  from raw_clicks
 where not is_bot
"""
CHECKOUT: LiteralString = """
select date_bin('5 minutes', k.checkout_timestamp, 'epoch') as at, p.currency, p.gross, p.traffic_ids[p.touches] as last
  from raw_checkouts k
  join checkout_paths p using (checkout_id)
 where true
"""
COUNT: LiteralString = """
insert into channel_steps (at, channel, clicks, checkouts, priced, revenue)
with click as ({clicks}),
checkout as materialized (
    select at, currency, coalesce(last, 0) as traffic_id, count(*) as checkouts, sum(gross) as gross
      from ({checkouts}) k
     group by 1, 2, 3
),
rate as (
    select d.currency, d.day,
           case when d.currency = %(reporting_currency)s then 1
                else (select rate from exchange_rates r
                       where r.currency = d.currency and r.day <= d.day order by r.day desc limit 1)
           end as rate
      from (select distinct currency, (at at time zone 'UTC')::date as day from checkout) d
),
counted as (
    -- Labels of the newest clicks can be unknown yet. The next refresh counts their steps again.
    select c.at, coalesce(t.channel, 'Unassigned') as channel, sum(c.clicks) as clicks, 0 as checkouts, 0 as priced,
           0 as revenue
      from (select at, digest, count(*) as clicks from click group by 1, 2) c
      left join traffic t using (digest)
     group by 1, 2
     union all
    select k.at, t.channel, 0, sum(k.checkouts), coalesce(sum(k.checkouts) filter (where r.rate is not null), 0),
           coalesce(sum(k.gross * r.rate), 0)
      from checkout k
      join traffic t using (traffic_id)
      join rate r on r.currency = k.currency and r.day = (k.at at time zone 'UTC')::date
     group by 1, 2
)
select at, channel, sum(clicks), sum(checkouts), sum(priced), sum(revenue) from counted group by 1, 2
"""
OF_ALL: LiteralString = "{events} and {time} >= %(start)s and {time} < %(until)s"
OF_STEPS: LiteralString = """
select e.*
  from unnest(%(steps)s::timestamptz[]) step (at)
 cross join lateral ({events} and {time} >= step.at and {time} < step.at + interval '5 minutes') e
"""


def _count(events: LiteralString) -> LiteralString:
    clicks = events.replace("{events}", CLICK).replace("{time}", "click_timestamp")
    checkouts = events.replace("{events}", CHECKOUT).replace("{time}", "k.checkout_timestamp")
    return COUNT.replace("{clicks}", clicks).replace("{checkouts}", checkouts)


COUNT_ALL, COUNT_STEPS = _count(OF_ALL), _count(OF_STEPS)

COUNT_BATCHES = """
insert into batch_steps as s (at, events, late, dead_letters)
select date_bin('5 minutes', began_at, 'epoch'), sum(clicks + checkouts + refunds), sum(late), sum(dead_letters)
  from batches
 where began_at >= coalesce((select max(at) - interval '1 hour' from batch_steps), %(start)s) and began_at < %(until)s
 group by 1
    on conflict (at) do update
   set events = excluded.events, late = excluded.late, dead_letters = excluded.dead_letters
 where (s.events, s.late, s.dead_letters) is distinct from (excluded.events, excluded.late, excluded.dead_letters)
"""

READ_FIRST = "select extract(epoch from min(at))::float8 from channel_steps where clicks > 0"
READ_CHANNELS = """
select channel, array_agg(extract(epoch from at)::float8) as at, array_agg(clicks::float8) as clicks,
       array_agg(checkouts::float8) as checkouts, array_agg(priced::float8) as priced,
       array_agg(revenue::float8) as revenue
  from channel_steps
 where at < %(until)s
 group by channel
 order by sum(clicks) desc, channel
"""
READ_BATCHES = """
select array_agg(extract(epoch from at)::float8) as at, array_agg(events::float8) as events,
       array_agg(late::float8) as late, array_agg(dead_letters::float8) as dead_letters
  from batch_steps
 where at < %(until)s
"""

# Older findings are over, or have slid out of the weeks that the detectors look at.
READ_FINDINGS = """
select finding_id, series, extract(epoch from from_time)::float8 as begin, extract(epoch from last_time)::float8 as end,
       is_over
  from anomaly_findings
 where last_time >= %(now)s::timestamptz - interval '2 days' or not is_over
 order by from_time, finding_id
"""
INSERT_FINDING = """
insert into anomaly_findings (series, detector, from_time, last_time, alarm_time, is_over, severity, score, observed,
                              expected_low, expected_high)
values (%(series)s, %(detector)s, to_timestamp(%(begin)s), to_timestamp(%(end)s), to_timestamp(%(alarm)s), %(is_over)s,
        %(severity)s, %(score)s, %(observed)s, %(expected_low)s, %(expected_high)s)
"""
EXTEND_FINDING = """
update anomaly_findings
   set last_time = greatest(last_time, to_timestamp(%(end)s)), is_over = %(is_over)s
 where finding_id = %(finding_id)s
"""
WRITE_GREATER_DEVIATION = """
update anomaly_findings
   set severity = %(severity)s, score = %(score)s, observed = %(observed)s, expected_low = %(expected_low)s,
       expected_high = %(expected_high)s
 where finding_id = %(finding_id)s and score < %(score)s
"""
CLOSE_FINDINGS = "update anomaly_findings set is_over = true where finding_id = any(%(ids)s)"

READ_NEWEST_RANGE = "select extract(epoch from max(hour))::float8 from expected_ranges"
INSERT_RANGES = """
insert into expected_ranges (series, hour, observed, expected_low, expected_high)
select series, to_timestamp(hour), observed, low, high
  from unnest(%(series)s::text[], %(hours)s::float8[], %(observed)s::float8[], %(low)s::float8[], %(high)s::float8[])
       r (series, hour, observed, low, high)
    on conflict do nothing
"""

WRITE_STATE = """
update anomaly_state
   set horizon = %(next_horizon)s, reporting_currency = %(reporting_currency)s, judged_until = %(until)s
"""
