"""SQL statements that recompute the paths of some checkouts (`ids`) or users (`ids`), in execution order.

New rows are staged and compared with the stored ones, so an event that changes nothing writes nothing.
"""

CREATE_STAGED_PATHS = """
create temporary table if not exists staged_paths (like checkout_paths) on commit delete rows
"""
CREATE_STAGED_UNCONVERTED = """
create temporary table if not exists staged_unconverted (like unconverted_paths) on commit delete rows
"""
# A run that is continued has its end and its touches here.
CREATE_STAGED_RESTARTS = """
create temporary table if not exists staged_restarts (
    user_id        text collate "C",
    reads_after    timestamptz,
    replaces_from  timestamptz,
    run_ended_at   timestamptz,
    traffic_ids    int[]
) on commit delete rows
"""
CREATE_STAGED_CHANGES = """
create temporary table if not exists staged_changes (
    user_id      text collate "C",
    started_at   timestamptz,
    former_ids   int[],
    traffic_ids  int[],
    kept_places  int
) on commit delete rows
"""
CREATE_STAGES = (CREATE_STAGED_PATHS, CREATE_STAGED_UNCONVERTED, CREATE_STAGED_RESTARTS, CREATE_STAGED_CHANGES)
TRUNCATE_UNCONVERTED = "truncate staged_unconverted, staged_restarts, staged_changes"

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
click as materialized (
    select distinct on (k.checkout_id, c.click_timestamp, c.click_id)
           k.checkout_id, c.click_timestamp, c.click_id, coalesce(c.utm_source, '') as source,
           coalesce(c.utm_medium, '') as medium, coalesce(c.utm_campaign, '') as campaign,
           coalesce(c.referrer, '') as referrer,
           coalesce(c.product_id is not null
                    and k.items @> jsonb_build_array(jsonb_build_object('product_id', c.product_id)), false)
               as is_in_order
      from checkout k
     cross join lateral (
           (select click_timestamp, click_id, product_id, utm_source, utm_medium, utm_campaign, referrer
              from raw_clicks
             where user_id = k.user_id and not is_bot
               and click_timestamp between k.checkout_timestamp - %(look_back)s::interval and k.checkout_timestamp
             order by click_timestamp, click_id
             limit 1)
            union all
           (select click_timestamp, click_id, product_id, utm_source, utm_medium, utm_campaign, referrer
              from raw_clicks
             where user_id = k.user_id and not is_bot
               and click_timestamp between k.checkout_timestamp - %(look_back)s::interval and k.checkout_timestamp
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

# A click is converted if the first checkout at or after it is within the look-back. So an event changes nothing before
# the checkout before it, nor before the end of a run that ended earlier: the clicks after both are read. The last run
# stands for its clicks. All clicks are read if an event is not after the last run, or converts only a part of it.
FIND_RESTARTS = """
insert into staged_restarts
with restart as (
    select u.user_id, r.started_at, r.ended_at, r.traffic_ids,
           former.checkout_at as checkout_before,
           coalesce(r.ended_at >= u.since
                    or r.started_at + %(look_back)s::interval < next.checkout_at
                       and next.checkout_at <= r.ended_at + %(look_back)s::interval, false) as reads_all
      from changed_users u
      left join lateral (
           select * from unconverted_paths p where p.user_id = u.user_id order by started_at desc limit 1
           ) r on true
     cross join lateral (
           select max(checkout_timestamp) as checkout_at
             from raw_checkouts k
            where k.user_id = u.user_id and not k.test and k.checkout_timestamp < u.since
           offset 0
           ) former
     cross join lateral (
           select min(checkout_timestamp) as checkout_at
             from raw_checkouts k
            where k.user_id = u.user_id and not k.test and k.checkout_timestamp >= r.ended_at
           offset 0
           ) next
     where u.user_id = any(%(ids)s::text[])
)
select user_id,
       case when reads_all then '-infinity'
            else greatest(ended_at, checkout_before, '-infinity') end,
       case when reads_all or started_at is null then '-infinity'
            when checkout_before > ended_at then 'infinity'
            else started_at end,
       case when not reads_all and coalesce(checkout_before <= ended_at, true) then ended_at end,
       case when not reads_all and coalesce(checkout_before <= ended_at, true) then traffic_ids end
  from restart
"""

# Runs end at a click that a checkout followed within the look-back, and at a pause that is longer.
STAGE_UNCONVERTED = """
insert into staged_unconverted
with click as materialized (
    select c.*
      from staged_restarts s
     cross join lateral (
           select user_id, click_timestamp as at, click_id, coalesce(utm_source, '') as source,
                  coalesce(utm_medium, '') as medium, coalesce(utm_campaign, '') as campaign,
                  coalesce(referrer, '') as referrer
             from raw_clicks
            where raw_clicks.user_id = s.user_id and not is_bot and click_timestamp > s.reads_after
           -- Keeps the planner at the index, also without statistics of the staged rows.
           offset 0
           ) c
),
label as materialized (
    select l.*, t.traffic_id
      from (select distinct source, medium, campaign, referrer from click) l
      join traffic t on t.digest = traffic_digest(l.source, l.medium, l.campaign, referrer_host(l.referrer))
),
event as (
    select user_id, at, click_id, null::timestamptz as began_at, array[traffic_id] as traffic_ids
      from click
      join label using (source, medium, campaign, referrer)
     union all
    select user_id, run_ended_at, '', replaces_from, traffic_ids
      from staged_restarts
     where run_ended_at is not null
     union all
    select k.user_id, k.checkout_timestamp, null, null, null
      from staged_restarts s
     cross join lateral (
           select user_id, checkout_timestamp
             from raw_checkouts
            where raw_checkouts.user_id = s.user_id and not test and checkout_timestamp > s.reads_after
           offset 0
           ) k
),
followed as (
    select event.*, min(at) filter (where click_id is null) over (partition by user_id order by at desc) as checkout_at
      from event
),
touch as (
    select followed.*, coalesce(checkout_at <= at + %(look_back)s::interval, false) as is_converted
      from followed
     where click_id is not null
),
marked as (
    select touch.*,
           coalesce(lag(is_converted) over by_time or at - lag(at) over by_time > %(look_back)s::interval, true)
               as is_start
      from touch
    window by_time as (partition by user_id order by at, click_id)
),
run as (
    select marked.*, count(*) filter (where is_start) over (partition by user_id order by at, click_id) as number
      from marked
     where not is_converted
)
select user_id, min(coalesce(began_at, at)), max(at), (max(at) at time zone 'UTC')::date,
       coalesce(max(traffic_ids) filter (where began_at is not null), '{}')
       || coalesce(array_agg(traffic_ids[1] order by at, click_id) filter (where began_at is null), '{}')
  from run
 group by user_id, number
"""

# The stored runs that differ, with their steps before the first `kept_places` touches left out: both runs have them.
COMPARE_UNCONVERTED = """
insert into staged_changes
select coalesce(p.user_id, n.user_id), coalesce(p.started_at, n.started_at), p.traffic_ids, n.traffic_ids,
       case when n.traffic_ids[:cardinality(p.traffic_ids)] = p.traffic_ids then cardinality(p.traffic_ids) else 0 end
  from (
       select u.*
         from staged_restarts s
         join unconverted_paths u on u.user_id = s.user_id and u.started_at >= s.replaces_from
       ) p
  full join staged_unconverted n using (user_id, started_at)
 where p is distinct from n
"""
COUNT_CHANGED_USERS = "select count(distinct user_id) from staged_changes"

COUNT_PATHS = "select count_paths(%(changed)s, %(sign)s)"
DELETE_PATHS = "delete from checkout_paths where checkout_id = any(%(changed)s)"
INSERT_PATHS = "insert into checkout_paths select * from staged_paths where checkout_id = any(%(changed)s)"
DELETE_EMPTY_CREDITS = "delete from daily_credits where day = any(%(days)s) and conversions = 0"

COUNT_UNCONVERTED = """
insert into chain_steps as c (origin, target, paths)
select s.origin, s.target, sum(s.sign)
  from (
       select p.traffic_ids[greatest(1, place - markov_order):place - 1] as origin,
              coalesce(p.traffic_ids[place], -1) as target, p.sign
         from staged_changes
        cross join (select markov_order from refresh_state) r
        cross join lateral (values (former_ids, -1), (traffic_ids, 1)) p (traffic_ids, sign)
        cross join lateral generate_series(kept_places + 1, cardinality(p.traffic_ids) + 1) place
       ) s
 group by s.origin, s.target
having sum(s.sign) <> 0
    on conflict (origin, target) do update set paths = c.paths + excluded.paths
"""
DELETE_UNCONVERTED = """
delete from unconverted_paths p
 using staged_changes c
 where p.user_id = c.user_id and p.started_at = c.started_at
"""
INSERT_UNCONVERTED = """
insert into unconverted_paths
select n.* from staged_unconverted n join staged_changes using (user_id, started_at)
"""
DELETE_EMPTY_STEPS = "delete from chain_steps where paths = 0"
