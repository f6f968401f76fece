"""SQL statements that recompute the unconverted paths of some users (`ids`), in execution order.

New rows are staged and compared with the stored ones, so an event that changes nothing writes nothing.
"""

CREATE_STAGED_UNCONVERTED = """
create temporary table if not exists staged_unconverted (like unconverted_paths) on commit delete rows
"""
# A run that is continued has its end and its touches here.
CREATE_STAGED_RESTARTS = """
create temporary table if not exists staged_restarts (
    user_id        text collate "C",
    reads_after    timestamptz,
    reads_until    timestamptz,
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
CREATE_STAGES = (CREATE_STAGED_UNCONVERTED, CREATE_STAGED_RESTARTS, CREATE_STAGED_CHANGES)
TRUNCATE_STAGES = "truncate staged_unconverted, staged_restarts, staged_changes"

# A click is converted if the first checkout at or after it is within the look-back. So an event changes nothing before
# the checkout before it, nor before the end of a run that ended earlier: the clicks after both are read. The last run
# stands for its clicks. All clicks are read if an event is not after the last run, or converts only a part of it: all
# clicks after the runs that begin before `clicks_kept_since`, which stay as they are.
FIND_RESTARTS = """
insert into staged_restarts (user_id, reads_after, reads_until, replaces_from, run_ended_at, traffic_ids)
with restart as (
    select u.user_id, r.started_at, r.ended_at, r.traffic_ids,
           former.checkout_at as checkout_before, kept.ended_at as kept_until,
           span.first_click_timestamp - interval '1 microsecond' as before_clicks, span.last_click_timestamp,
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
     cross join lateral (
           select max(p.ended_at) as ended_at
             from unconverted_paths p
            where p.user_id = u.user_id and p.started_at < %(clicks_kept_since)s::timestamptz
           offset 0
           ) kept
      left join lateral (
           select * from click_spans s where s.user_id = u.user_id offset 0
           ) span on true
     where u.user_id = any(%(ids)s::text[])
)
select user_id,
       greatest(before_clicks, case when reads_all then kept_until else greatest(ended_at, checkout_before) end,
                '-infinity'),
       coalesce(last_click_timestamp, 'infinity'),
       case when reads_all or started_at is null then coalesce(%(clicks_kept_since)s::timestamptz, '-infinity')
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
            where raw_clicks.user_id = s.user_id and not is_bot
              and click_timestamp > s.reads_after and click_timestamp <= s.reads_until
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

# Runs that differ from the stored ones. Both have the first `kept_places` touches, whose steps are counted already.
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
