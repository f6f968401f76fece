"""SQL statements that recompute the paths of some checkouts (`ids`) or users (`ids`), in execution order.

New rows are staged and compared with the stored ones, so an event that changes nothing writes nothing.
"""

CREATE_STAGED_PATHS = """
create temporary table if not exists staged_paths (like checkout_paths) on commit delete rows
"""
CREATE_STAGED_UNCONVERTED = """
create temporary table if not exists staged_unconverted (like unconverted_paths) on commit delete rows
"""

# Touches are the first click of the look-back and the latest others, up to `touch_limit`; mostly these are all clicks.
STAGE_PATHS = """
insert into staged_paths
with checkout as materialized (
    select k.checkout_id, k.user_id, k.checkout_timestamp, k.currency, k.items, k.total_amount as gross,
           case when k.cancelled then 0 else k.total_amount - least(k.total_amount, stated.refunds) end as net,
           first.checkout_id = k.checkout_id as is_new_customer
      from unnest(%(ids)s::text[]) changed (checkout_id)
     cross join lateral (
           select * from raw_checkouts where raw_checkouts.checkout_id = changed.checkout_id collate "C" limit 1
           ) k
     cross join lateral (
           select coalesce(sum(r.amount), 0) as refunds
             from raw_refunds r
            where r.checkout_id = k.checkout_id and r.currency = k.currency
           ) stated
     cross join lateral (
           select checkout_id
             from raw_checkouts
            where user_id = k.user_id and not test
            order by checkout_timestamp, checkout_id
            limit 1
           ) first
     where not k.test
),
click as (
    select distinct on (k.checkout_id, c.click_timestamp, c.click_id)
           k.checkout_id, c.click_timestamp, c.click_id, c.digest,
           coalesce(c.product_id is not null
                    and k.items @> jsonb_build_array(jsonb_build_object('product_id', c.product_id)), false)
               as is_in_order
      from checkout k
     cross join lateral (
           (select click_timestamp, click_id, product_id,
                   traffic_digest(coalesce(utm_source, ''), coalesce(utm_medium, ''), coalesce(utm_campaign, ''),
                                  referrer_host(referrer)) as digest
              from raw_clicks
             where user_id = k.user_id and not is_bot
               and click_timestamp between k.checkout_timestamp - %(look_back)s::interval and k.checkout_timestamp
             order by click_timestamp, click_id
             limit 1)
            union all
           (select click_timestamp, click_id, product_id,
                   traffic_digest(coalesce(utm_source, ''), coalesce(utm_medium, ''), coalesce(utm_campaign, ''),
                                  referrer_host(referrer))
              from raw_clicks
             where user_id = k.user_id and not is_bot
               and click_timestamp between k.checkout_timestamp - %(look_back)s::interval and k.checkout_timestamp
             order by click_timestamp desc, click_id desc
             limit %(touch_limit)s - 1)
           ) c
     order by k.checkout_id, c.click_timestamp, c.click_id
),
touch as (
    select c.*, t.traffic_id, t.channel,
           row_number() over of_checkout as position,
           count(*) over (partition by c.checkout_id, t.channel) as channel_touches,
           c.click_timestamp - last_value(c.click_timestamp) over (
               of_checkout rows between unbounded preceding and unbounded following
           ) as from_last
      from click c
      join traffic t using (digest)
    window of_checkout as (partition by c.checkout_id order by c.click_timestamp, c.click_id)
),
weighted as (
    -- Relative to the last touch, which has the weight 1. Without the bound, old touches would be an underflow.
    select touch.*,
           (round(power(2::float8, greatest(
               extract(epoch from from_last)::float8 / extract(epoch from %(half_life)s::interval)::float8, -100
           ))::numeric, 12) * 1000000000000)::bigint as decayed
      from touch
),
path as (
    select checkout_id, count(*)::int as touches,
           array_agg(traffic_id order by position) as traffic_ids,
           array_agg(click_timestamp order by position) as touch_times,
           array_agg(decayed order by position) as decayed,
           sum(decayed) as all_decayed,
           array_agg(channel_touches::smallint order by position) as channel_touches,
           count(distinct channel) as channels,
           lcm_of(channel_touches) as channel_multiple,
           coalesce(max(position) filter (where lower(channel) not in ('direct', '(direct)', '(direct) / (none)')),
                    max(position))::int as last_non_direct,
           min(position) filter (where is_in_order)::int as product_touch,
           min(click_id) filter (where position = 1) as first_click_id
      from weighted
     group by checkout_id
)
select k.checkout_id, k.user_id, k.checkout_timestamp, (k.checkout_timestamp at time zone 'UTC')::date, k.currency,
       greatest(coalesce(u.digits, 2), min_scale(k.gross), min_scale(k.net)), k.gross, k.net, k.is_new_customer,
       coalesce(p.touches, 0), coalesce(p.traffic_ids, '{}'), coalesce(p.touch_times, '{}'), coalesce(p.decayed, '{}'),
       coalesce(p.all_decayed, 0), coalesce(p.channel_touches, '{}'), coalesce(p.channels, 0),
       coalesce(p.channel_multiple, 1), p.last_non_direct, p.product_touch, p.first_click_id
  from checkout k
  left join path p using (checkout_id)
  left join currency_units u on u.currency = k.currency
"""

# The days of both rows lose or gain credits.
COMPARE_PATHS = """
select coalesce(array_agg(checkout_id), '{}'), coalesce(array_agg(p.day), '{}') || coalesce(array_agg(s.day), '{}')
  from (select * from checkout_paths where checkout_id = any(%(ids)s)) p
  full join staged_paths s using (checkout_id)
 where p is distinct from s
"""

# Runs end at a click that a checkout followed within the look-back, and at a pause that is longer.
STAGE_UNCONVERTED = """
insert into staged_unconverted
with event as (
    select c.user_id, c.click_timestamp as at, c.click_id, c.digest
      from unnest(%(ids)s::text[]) changed (user_id)
     cross join lateral (
           select user_id, click_timestamp, click_id,
                  traffic_digest(coalesce(utm_source, ''), coalesce(utm_medium, ''), coalesce(utm_campaign, ''),
                                 referrer_host(referrer)) as digest
             from raw_clicks
            where raw_clicks.user_id = changed.user_id collate "C" and not is_bot
           ) c
     union all
    select k.user_id, k.checkout_timestamp, null, null
      from unnest(%(ids)s::text[]) changed (user_id)
     cross join lateral (
           select user_id, checkout_timestamp
             from raw_checkouts
            where raw_checkouts.user_id = changed.user_id collate "C" and not test
           ) k
),
followed as (
    select event.*, min(at) filter (where click_id is null) over (partition by user_id order by at desc) as checkout_at
      from event
),
click as (
    select followed.*, coalesce(checkout_at <= at + %(look_back)s::interval, false) as is_converted
      from followed
     where click_id is not null
),
marked as (
    select click.*,
           coalesce(lag(is_converted) over by_time or at - lag(at) over by_time > %(look_back)s::interval, true)
               as is_start
      from click
    window by_time as (partition by user_id order by at, click_id)
),
run as (
    select marked.*, count(*) filter (where is_start) over (partition by user_id order by at, click_id) as number
      from marked
     where not is_converted
)
select r.user_id, min(r.at), max(r.at), (max(r.at) at time zone 'UTC')::date,
       array_agg(t.traffic_id order by r.at, r.click_id)
  from run r
  join traffic t using (digest)
 group by r.user_id, r.number
"""

COMPARE_UNCONVERTED = """
select coalesce(array_agg(distinct user_id), '{}')
  from (select * from unconverted_paths where user_id = any(%(ids)s)) p
  full join staged_unconverted s using (user_id, started_at)
 where p is distinct from s
"""

COUNT_PATHS = "select count_paths(%(changed)s, %(sign)s)"
DELETE_PATHS = "delete from checkout_paths where checkout_id = any(%(changed)s)"
INSERT_PATHS = "insert into checkout_paths select * from staged_paths where checkout_id = any(%(changed)s)"
DELETE_EMPTY_CREDITS = "delete from daily_credits where day = any(%(days)s) and conversions = 0"

COUNT_UNCONVERTED = "select count_unconverted(%(changed)s, %(sign)s)"
DELETE_UNCONVERTED = "delete from unconverted_paths where user_id = any(%(changed)s)"
INSERT_UNCONVERTED = "insert into unconverted_paths select * from staged_unconverted where user_id = any(%(changed)s)"
DELETE_EMPTY_STEPS = "delete from chain_steps where paths = 0"
