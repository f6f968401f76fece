"""SQL statements of a refresh, in execution order.

A refresh finds the events that were written since `horizon`, and recomputes the paths of the checkouts and users that
they concern. `horizon` is the oldest transaction that was running when the last refresh looked: all earlier ones had
ended, and the last refresh has read their events.
"""

from typing import LiteralString

# A day of the look-back has 24 hours, also where the session's time zone changes its clocks.
READ_STATE = """
with settings as (
    select make_interval(secs => extract(epoch from look_back)::float8) as look_back,
           coalesce(half_life, least(interval '7 days', look_back / 4)) as half_life, markov_order, touch_limit
      from analytics_settings
)
select s.horizon, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as next_horizon, s.clicks_kept_since,
       n.look_back, n.half_life, n.markov_order, n.touch_limit,
       -- Transactions have lower numbers in a database that was copied to another server.
       s.horizon is null or s.horizon > pg_snapshot_xmax(pg_current_snapshot())::text::bigint
       or (s.look_back, s.half_life, s.touch_limit) is distinct from (n.look_back, n.half_life, n.touch_limit)
           as concerns_all,
       s.markov_order is distinct from n.markov_order as has_other_order
  from refresh_state s
 cross join settings n
"""

LABELS: LiteralString = """
insert into traffic (source, medium, campaign, referrer_host, digest)
select l.source, l.medium, l.campaign, l.host, traffic_digest(l.source, l.medium, l.campaign, l.host)
  from (
       select distinct coalesce(utm_source, '') as source, coalesce(utm_medium, '') as medium,
              coalesce(utm_campaign, '') as campaign, referrer_host(referrer) as host
         from raw_clicks
        where not is_bot
"""
UNKNOWN_LABELS: LiteralString = """
       ) l
 where not exists (select from traffic t where t.digest = traffic_digest(l.source, l.medium, l.campaign, l.host))
    on conflict (digest) do nothing
"""
ADD_ALL_TRAFFIC: LiteralString = LABELS + UNKNOWN_LABELS
ADD_NEW_TRAFFIC: LiteralString = LABELS + " and written_in >= %(horizon)s" + UNKNOWN_LABELS

GROUP_TRAFFIC = "select regroup_traffic()"

# Checkouts whose traffic has another channel than in their paths, where the models depend on channels.
ADD_REGROUPED = """
insert into changed_checkouts (checkout_id, checkout_timestamp)
select checkout_id, checkout_timestamp
  from checkout_paths
 where exists (select from traffic where channel is distinct from model_channel)
   and traffic_ids && array(select traffic_id from traffic where channel is distinct from model_channel)
    on conflict do nothing
"""
MARK_NEW = "update traffic set model_channel = channel where model_channel is null"
MARK_GROUPED = "update traffic set model_channel = channel where model_channel is distinct from channel"

ADD_ALL_CHECKOUTS = """
insert into changed_checkouts (checkout_id, checkout_timestamp)
select checkout_id, checkout_timestamp from raw_checkouts
 union
select checkout_id, checkout_timestamp from checkout_paths
    on conflict do nothing
"""
ADD_ALL_USERS = """
insert into changed_users (user_id)
select user_id from raw_clicks where not is_bot union select user_id from unconverted_paths
    on conflict (user_id) do update set since = excluded.since
"""

# New and revised checkouts, refunded ones, and those in the look-back after a new click.
ADD_CHANGED_CHECKOUTS = """
insert into changed_checkouts (checkout_id, checkout_timestamp)
select checkout_id, checkout_timestamp from raw_checkouts where written_in >= %(horizon)s
 union
select k.checkout_id, k.checkout_timestamp
  from (select distinct checkout_id from raw_refunds where written_in >= %(horizon)s) r
 cross join lateral (select * from raw_checkouts where checkout_id = r.checkout_id limit 1) k
 union
select k.checkout_id, k.checkout_timestamp
  from (select distinct user_id, click_timestamp from raw_clicks where written_in >= %(horizon)s and not is_bot) c
 cross join lateral (
       select checkout_id, checkout_timestamp
         from raw_checkouts
        where user_id = c.user_id
          and checkout_timestamp between c.click_timestamp and c.click_timestamp + %(look_back)s::interval
       ) k
    on conflict do nothing
"""

# A checkout that arrives late or becomes a test order can change which one is the first of its user.
ADD_FIRST_CHECKOUTS = """
insert into changed_checkouts (checkout_id, checkout_timestamp)
select distinct changed.checkout_id, changed.checkout_timestamp
  from (select distinct user_id from raw_checkouts where written_in >= %(horizon)s) u
  left join checkout_paths former on former.user_id = u.user_id and former.is_new_customer
  left join lateral (
       select checkout_id, checkout_timestamp
         from raw_checkouts
        where user_id = u.user_id and not test
        order by checkout_timestamp, checkout_id
        limit 1
       ) first on true
 cross join lateral (
       values (former.checkout_id, former.checkout_timestamp), (first.checkout_id, first.checkout_timestamp)
       ) changed (checkout_id, checkout_timestamp)
 where former.checkout_id is distinct from first.checkout_id and changed.checkout_id is not null
    on conflict do nothing
"""

ADD_CHANGED_USERS = """
insert into changed_users as u (user_id, since)
select user_id, min(at)
  from (
       select user_id, click_timestamp as at from raw_clicks where written_in >= %(horizon)s and not is_bot
        union all
       select user_id, checkout_timestamp from raw_checkouts where written_in >= %(horizon)s
       ) event
 group by user_id
    on conflict (user_id) do update set since = least(u.since, excluded.since)
"""

# By whether all events are concerned.
ADD_CHANGES = {
    True: (ADD_ALL_CHECKOUTS, ADD_ALL_USERS),
    False: (ADD_CHANGED_CHECKOUTS, ADD_FIRST_CHECKOUTS, ADD_CHANGED_USERS),
}

WRITE_STATE = """
update refresh_state
   set horizon = %(next_horizon)s,
       look_back = make_interval(secs => extract(epoch from %(look_back)s::interval)::float8),
       half_life = %(half_life)s,
       markov_order = %(markov_order)s,
       touch_limit = %(touch_limit)s,
       refreshed_at = clock_timestamp()
"""

DELETE_STEPS = "delete from chain_steps"
COUNT_STEPS = """
insert into chain_steps (origin, target, paths)
select origin, target, count(*)
  from (
       select traffic_ids, 0 as ending from checkout_paths where touches > 0
        union all
       select traffic_ids, -1 from unconverted_paths
       ) p
 cross join lateral steps_of(p.traffic_ids, %(markov_order)s, p.ending)
 group by origin, target
"""

TAKE_CHECKOUTS = "select checkout_id from changed_checkouts order by checkout_timestamp limit %(limit)s"
TAKE_USERS = "select user_id from changed_users order by user_id limit %(limit)s"
FORGET_CHECKOUTS = "delete from changed_checkouts where checkout_id = any(%(ids)s)"
FORGET_USERS = "delete from changed_users where user_id = any(%(ids)s)"

READ_STEPS = "select origin, target, paths from chain_steps where paths > 0"
READ_CHANNELS = "select traffic_id, channel, campaign from traffic"
READ_WEIGHTS = "select model, channel, campaign, weight, standard_error from model_weights"
DELETE_WEIGHTS = "delete from model_weights"
INSERT_WEIGHT = """
insert into model_weights (model, channel, campaign, weight, standard_error, run_id)
values (%s, %s, %s, %s, %s, %s)
"""

BEGIN_RUN = """
insert into model_runs (kind, look_back, half_life, markov_order)
values (%(kind)s, %(look_back)s, %(half_life)s, %(markov_order)s)
returning run_id
"""
END_RUN = """
update model_runs
   set finished_at = clock_timestamp(), checkouts = %(checkouts)s, users = %(users)s, first_day = %(first_day)s,
       last_day = %(last_day)s, message = %(message)s
 where run_id = %(run_id)s
"""
DELETE_OLD_RUNS = "delete from model_runs where started_at < clock_timestamp() - interval '30 days'"
DELETE_RUN = "delete from model_runs where run_id = %(run_id)s"

# Readers see the former rows until the full refresh commits; `truncate` would make them wait. What begins before
# `clicks_kept_since` cannot be computed anew, and is counted anew.
DELETE_EVERYTHING = (
    "delete from changed_checkouts",
    "delete from changed_users",
    """
    delete from checkout_paths
     where (touch_times[1] < (select clicks_kept_since from refresh_state)) is not true
    """,
    "delete from unconverted_paths where (started_at < (select clicks_kept_since from refresh_state)) is not true",
    "delete from daily_credits",
    "delete from chain_steps",
    "delete from model_weights",
    """
    delete from traffic
     where traffic_id <> all (array(
           select 0
            union
           select unnest(traffic_ids) from checkout_paths
            union
           select unnest(traffic_ids) from unconverted_paths
           ))
    """,
    "select count_paths(array(select checkout_id from checkout_paths), 1)",
    "select count_unconverted(array(select distinct user_id from unconverted_paths), 1)",
    "update refresh_state set horizon = null",
    "update experiment_state set horizon = null",
    "update anomaly_state set horizon = null",
    "update quality_state set counted = null",
)
