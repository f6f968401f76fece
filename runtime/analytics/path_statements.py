"""SQL statements that recompute the paths of some checkouts (`ids`), in execution order.

New rows are staged and compared with the stored ones, so an event that changes nothing writes nothing.
"""

CREATE_STAGED_PATHS = """
create temporary table if not exists staged_paths (like checkout_paths) on commit delete rows
"""
# Touches are the first click of the look-back and the latest others, up to `touch_limit`; mostly these are all clicks.
# A stored path that begins before `clicks_kept_since` keeps its touches, because their first click has been dropped.
STAGE_PATHS = """
insert into staged_paths
with checkout as materialized (
    select k.checkout_id, k.user_id, k.checkout_timestamp, k.currency, k.items, k.total_amount as gross,
           case when k.cancelled then 0 else k.total_amount - least(k.total_amount, stated.refunds) end as net,
           first.checkout_id = k.checkout_id as is_new_customer,
           greatest(k.checkout_timestamp - %(look_back)s::interval, span.first_click_timestamp) as touches_from,
           exists (select from checkout_paths p
                    where p.checkout_id = k.checkout_id and p.touch_times[1] < %(clicks_kept_since)s::timestamptz)
               as keeps_touches
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
      -- Without clicks before, no partition for earlier days is opened.
      left join lateral (select * from click_spans s where s.user_id = k.user_id offset 0) span on true
     where not k.test
),
click as materialized (
    select distinct on (k.checkout_id, c.click_timestamp, c.click_id)
           k.checkout_id, c.click_timestamp, c.click_id, coalesce(c.utm_source, '') as source,
           coalesce(c.utm_medium, '') as medium, coalesce(c.utm_campaign, '') as campaign,
           coalesce(c.referrer, '') as referrer,
           coalesce(c.product_id is not null
                    and k.items @> jsonb_build_array(jsonb_build_object('product_id', c.product_id)), false)
               as is_in_order
      from (select * from checkout where not keeps_touches) k
     cross join lateral (
           (select click_timestamp, click_id, product_id, utm_source, utm_medium, utm_campaign, referrer
              from raw_clicks
             where user_id = k.user_id and not is_bot
               and click_timestamp between k.touches_from and k.checkout_timestamp
             order by click_timestamp, click_id
             limit 1)
            union all
           (select click_timestamp, click_id, product_id, utm_source, utm_medium, utm_campaign, referrer
              from raw_clicks
             where user_id = k.user_id and not is_bot
               and click_timestamp between k.touches_from and k.checkout_timestamp
             order by click_timestamp desc, click_id desc
             limit %(touch_limit)s - 1)
           ) c
     order by k.checkout_id, c.click_timestamp, c.click_id
),
label as materialized (
    select l.*, t.traffic_id, t.channel
      from (select distinct source, medium, campaign, referrer from click) l
      join traffic t on t.digest = traffic_digest(l.source, l.medium, l.campaign, referrer_host(l.referrer))
),
touch as (
    select c.checkout_id, c.click_timestamp, c.click_id, c.is_in_order, t.traffic_id, t.channel,
           row_number() over of_checkout as position,
           count(*) over (partition by c.checkout_id, t.channel) as channel_touches,
           c.click_timestamp - last_value(c.click_timestamp) over (
               of_checkout rows between unbounded preceding and unbounded following
           ) as from_last
      from click c
      join label t using (source, medium, campaign, referrer)
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
     union all
    select p.checkout_id, p.touches, p.traffic_ids, p.touch_times, p.decayed, p.all_decayed, p.channel_touches,
           p.channels, p.channel_multiple, p.last_non_direct, p.product_touch, p.first_click_id
      from checkout_paths p
      join checkout k using (checkout_id)
     where k.keeps_touches
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

COUNT_PATHS = "select count_paths(%(changed)s, %(sign)s)"
DELETE_PATHS = "delete from checkout_paths where checkout_id = any(%(changed)s)"
INSERT_PATHS = "insert into checkout_paths select * from staged_paths where checkout_id = any(%(changed)s)"
DELETE_EMPTY_CREDITS = "delete from daily_credits where day = any(%(days)s) and conversions = 0"

DELETE_EMPTY_STEPS = "delete from chain_steps where paths = 0"
