"""Statements of the page Journeys. `paths` stands for the common table expressions of the chosen checkouts."""

from typing import LiteralString

# Each checkout's touches as numbers of channels, which PostgreSQL groups much faster than their names.
CODED: LiteralString = """
channel_code as materialized (
    select traffic_id, channel, dense_rank() over (order by channel)::int as code from traffic_channels
),
codes as materialized (
    select array_agg(coalesce(c.code, 0) order by n) as by_traffic
      from generate_series(0, (select max(traffic_id) from channel_code)) n
      left join channel_code c on c.traffic_id = n
),
name as materialized (
    select distinct code, channel from channel_code
),
coded as (
    select p.day, p.currency, p.gross, p.net,
           array(select (select by_traffic from codes)[traffic_id + 1] from unnest(p.traffic_ids) traffic_id) as codes
      from path p
)
"""
TOP_PATHS: LiteralString = """
with {paths}, {coded},
counted as (
    select p.codes, count(*) as conversions, sum(p.gross * r.rate) as gross, sum(p.net * r.rate) as net,
           bool_or(r.rate is null) as lacks_revenue
      from coded p
      join rate r on r.day = p.day and r.currency = p.currency
     group by p.codes
),
-- More than are shown, so that the order of equal ones is that of their names.
top as (
    select * from counted order by conversions desc fetch first 100 rows with ties
)
select n.path, cardinality(c.codes) as touches, c.conversions,
       case when not c.lacks_revenue then c.gross end as gross_revenue,
       case when not c.lacks_revenue then c.net end as net_revenue
  from top c
 cross join lateral (
       select coalesce(string_agg(t.channel, ' > ' order by u.position), '(unattributed)') as path
         from unnest(c.codes) with ordinality u (code, position)
         join name t using (code)
       ) n
 order by c.conversions desc, n.path
 limit 100
"""
LENGTHS: LiteralString = """
with {paths},
counted as (
    select touches, day, currency, count(*) as conversions, sum(gross) as gross, sum(net) as net
      from path
     group by touches, day, currency
)
select p.touches, sum(p.conversions)::bigint as conversions,
       case when not bool_or(r.rate is null) then sum(p.gross * r.rate) end as gross_revenue,
       case when not bool_or(r.rate is null) then sum(p.net * r.rate) end as net_revenue
  from counted p
  join rate r on r.day = p.day and r.currency = p.currency
 group by p.touches
 order by p.touches
"""
TIMES: LiteralString = """
with {paths},
bound as (
    select array[interval '0', '10 minutes', '1 hour', '6 hours', '1 day', '3 days', '7 days', '14 days', '30 days']
               as bounds
),
counted as (
    select width_bucket(checkout_timestamp - touch_times[1], (select bounds from bound)) as bucket, day, currency,
           count(*) as conversions, sum(gross) as gross, sum(net) as net
      from path
     where touches > 0
     group by 1, day, currency
)
select b.bounds[p.bucket] as time_from, b.bounds[p.bucket + 1] as time_to,
       sum(p.conversions)::bigint as conversions,
       case when not bool_or(r.rate is null) then sum(p.gross * r.rate) end as gross_revenue,
       case when not bool_or(r.rate is null) then sum(p.net * r.rate) end as net_revenue
  from counted p
  join rate r on r.day = p.day and r.currency = p.currency
 cross join bound b
 group by b.bounds, p.bucket
 order by p.bucket
"""
# The first four touches, each with the next one, and the last of them with the checkout.
FLOW: LiteralString = """
with {paths}, {coded},
start as (
    select codes[1:4] as codes, count(*) as checkouts from coded group by codes[1:4]
),
step as (
    select place, s.codes[place] as code, s.codes[place + 1] as next_code, sum(s.checkouts)::bigint as checkouts
      from start s
     cross join lateral generate_series(1, greatest(cardinality(s.codes), 1)) place
     group by 1, 2, 3
)
select s.place as from_step, coalesce(f.channel, '(unattributed)') as from_channel,
       case when s.next_code is null then 5 else s.place + 1 end as to_step,
       coalesce(t.channel, '(checkout)') as to_channel,
       s.checkouts
  from step s
  left join name f on f.code = s.code
  left join name t on t.code = s.next_code
 order by from_step, from_channel, to_step, to_channel
"""
# Checkouts are grouped by their sets of channels, of which there are far fewer than paths.
ASSISTS: LiteralString = """
with {paths}, {coded},
bits as materialized (
    select array_agg(set_bit(repeat('0', codes + 1)::varbit, coalesce(c.code, 0), 1) order by n) as by_traffic
      from generate_series(0, (select max(traffic_id) from channel_code)) n
      left join channel_code c on c.traffic_id = n
     cross join (select max(code) as codes from name) largest
),
touched as (
    select day, currency, net,
           (select by_traffic from codes)[traffic_ids[1] + 1] as first_code,
           (select by_traffic from codes)[traffic_ids[touches] + 1] as last_code,
           (select bit_or((select by_traffic from bits)[id + 1]) from unnest(traffic_ids) id) as channels
      from path
),
summed as (
    select day, currency, first_code, last_code, channels, count(*) as conversions, sum(net) as net
      from touched
     group by day, currency, first_code, last_code, channels
),
counted as (
    select s.first_code, s.last_code, s.channels, s.conversions, s.net * r.rate as net, r.rate is null as lacks_revenue
      from summed s
      join rate r on r.day = s.day and r.currency = s.currency
)
select n.channel,
       coalesce(sum(c.conversions) filter (where n.code = c.first_code), 0)::bigint as first_touch_conversions,
       coalesce(sum(c.conversions) filter (where n.code = c.last_code), 0)::bigint as last_touch_conversions,
       coalesce(sum(c.conversions) filter (where n.code <> c.last_code), 0)::bigint as assisted_conversions,
       case when not bool_or(c.lacks_revenue) then coalesce(sum(c.net) filter (where n.code <> c.last_code), 0) end
           as assisted_net_revenue
  from counted c
  join name n on get_bit(c.channels, n.code) = 1
 where %(channel)s::text is null or n.channel = %(channel)s
 group by n.channel
 order by assisted_conversions desc, n.channel
"""
