"""SQL statements of the part `experiments` of a refresh, in execution order.

A refresh computes the exposures of the users who have changed: by events that were written since `horizon`, the oldest
transaction that was running at the last refresh; by another period of an experiment; or by other exchange rates.
"""

from typing import LiteralString

# Ids that an index cannot hold cannot be registered either.
MAX_ID_BYTES: LiteralString = "200"

READ_STATE = """
select s.horizon, pg_snapshot_xmin(pg_current_snapshot())::text::bigint as next_horizon, n.reporting_currency,
       r.clicks_kept_since,
       -- Transactions have lower numbers in a database that was copied to another server.
       s.horizon is null or s.horizon > pg_snapshot_xmax(pg_current_snapshot())::text::bigint
       or s.reporting_currency is distinct from n.reporting_currency as concerns_all
  from experiment_state s
 cross join analytics_settings n
 cross join refresh_state r
"""

ADD_USERS_OF_EVENTS = """
insert into changed_experiment_users
select user_id
  from raw_clicks
 where written_in >= %(horizon)s and not is_bot and experiment_id is not null and variant is not null
 union
select k.user_id
  from raw_checkouts k
 where k.written_in >= %(horizon)s and exists (select from exposures x where x.user_id = k.user_id)
 union
select k.user_id
  from raw_refunds r
  join raw_checkouts k using (checkout_id)
 where r.written_in >= %(horizon)s and exists (select from exposures x where x.user_id = k.user_id)
    on conflict do nothing
"""

# A rate holds until the next one, so only checkouts since its day can have another amount.
ADD_USERS_OF_RATES = """
insert into changed_experiment_users
select distinct k.user_id
  from (
       select currency, min(day) as day
         from exchange_rates r
         full join experiment_rates former using (currency, day)
        where r.rate is distinct from former.rate
        group by currency
       ) changed
  join raw_checkouts k
    on k.currency = changed.currency and k.checkout_timestamp >= changed.day::timestamp at time zone 'UTC'
 where exists (select from exposures x where x.user_id = k.user_id)
    on conflict do nothing
"""

# The condition that depends on no click is checked once, before any click is read.
ADD_USERS_OF_PERIODS = """
insert into changed_experiment_users
with changed as materialized (
    select experiment_id
      from (select * from experiments where is_control) e
      full join experiment_periods former using (experiment_id)
     where (e.started_at, e.ended_at) is distinct from (former.started_at, former.ended_at)
)
select c.user_id
  from raw_clicks c
  join changed using (experiment_id)
 where (select exists (select from changed)) and not c.is_bot and c.variant is not null
 group by c.user_id
    on conflict do nothing
"""

ADD_CHANGED_USERS = (ADD_USERS_OF_EVENTS, ADD_USERS_OF_RATES, ADD_USERS_OF_PERIODS)

CREATE_STAGED = "create temporary table if not exists staged_exposures (like exposures) on commit delete rows"

# A user who saw several variants is no evidence of any, so only the first time of a user's only variant matters. A
# stored exposure before `clicks_kept_since` stays as it is, because its click has been dropped.
STAGE: LiteralString = """
with exposure as (
    select c.user_id, c.experiment_id, min(c.click_timestamp) as exposed_at, p.ended_at,
           case when min(c.variant collate "C") = max(c.variant collate "C") then min(c.variant collate "C")
                else '' end as variant
      from {clicks} c
      left join experiment_periods p on p.experiment_id = c.experiment_id
     where not c.is_bot
       and c.experiment_id <> '' and octet_length(c.experiment_id) <= {max_id_bytes}
       and c.variant <> '' and octet_length(c.variant) <= {max_id_bytes}
       and (p.started_at is null or c.click_timestamp >= p.started_at)
       and (p.ended_at is null or c.click_timestamp < p.ended_at)
     group by c.user_id, c.experiment_id, p.ended_at
)
insert into {target} (user_id, experiment_id, variant, exposed_at, checkouts, net_revenue, revenue_before)
select x.user_id, x.experiment_id, x.variant, x.exposed_at,
       count(*) filter (where is_after),
       case when not coalesce(bool_or(r.rate is null) filter (where is_after), false)
            then coalesce(sum(net * r.rate) filter (where is_after), 0) end,
       case when not coalesce(bool_or(r.rate is null) filter (where not is_after), false)
            then coalesce(sum(net * r.rate) filter (where not is_after), 0) end
  from exposure x
  left join raw_checkouts k
    on k.user_id = x.user_id
   and k.checkout_timestamp >= x.exposed_at - interval '30 days'
   and (x.ended_at is null or k.checkout_timestamp < x.ended_at)
   and x.variant <> '' and not k.test
  left join lateral (
       select k.checkout_timestamp >= x.exposed_at as is_after,
              case when k.cancelled then 0 else k.total_amount - least(k.total_amount, stated.refunds) end as net
         from (select coalesce(sum(f.amount), 0) as refunds
                 from raw_refunds f
                where f.checkout_id = k.checkout_id and f.currency = k.currency) stated
        where k.checkout_id is not null
       ) checkout on true
  left join lateral (
       select case when k.currency = %(reporting_currency)s then 1
                   else (select e.rate
                           from exchange_rates e
                          where e.currency = k.currency and e.day <= (k.checkout_timestamp at time zone 'UTC')::date
                          order by e.day desc
                          limit 1) end as rate
       offset 0
       ) r on true
 where not exists (
       select from exposures f
        where f.user_id = x.user_id and f.experiment_id = x.experiment_id
          and f.exposed_at < %(clicks_kept_since)s::timestamptz
       )
 group by x.user_id, x.experiment_id, x.variant, x.exposed_at
"""

CHANGED_CLICKS: LiteralString = """(
    select k.*
      from changed_experiment_users u
      left join click_spans s on s.user_id = u.user_id collate "C"
     cross join lateral (
           select *
             from raw_clicks
            where user_id = u.user_id collate "C"
              and click_timestamp between coalesce(s.first_click_timestamp, '-infinity')
                                      and coalesce(s.last_click_timestamp, 'infinity')
           -- The index on the user, in the partitions of these days only.
           offset 0
           ) k
)"""

STAGE_CHANGED = STAGE.format(clicks=CHANGED_CLICKS, max_id_bytes=MAX_ID_BYTES, target="staged_exposures")
STAGE_ALL = STAGE.format(clicks="raw_clicks", max_id_bytes=MAX_ID_BYTES, target="exposures")

COMPARE = """
select coalesce(array_agg(distinct user_id), '{}')
  from (
       select x.*
         from changed_experiment_users u
        cross join lateral (
              -- By the index, also before the first statistics of the table.
              select *
                from exposures
               where user_id = u.user_id and (exposed_at < %(clicks_kept_since)s::timestamptz) is not true
              offset 0
              ) x
       ) x
  full join staged_exposures s using (user_id, experiment_id)
 where x is distinct from s
"""

COUNT = "select count_exposures(%(changed)s, %(sign)s)"
DELETE = """
delete from exposures
 where user_id = any(%(changed)s) and (exposed_at < %(clicks_kept_since)s::timestamptz) is not true
"""
INSERT = "insert into exposures select * from staged_exposures where user_id = any(%(changed)s)"
DELETE_EMPTY_SUMS = "delete from experiment_sums where users = 0"
FORGET_USERS = "delete from changed_experiment_users"

# Readers of the results do not wait, as they would for `truncate`.
DELETE_EVERYTHING = (
    FORGET_USERS,
    "delete from exposures where (exposed_at < %(clicks_kept_since)s::timestamptz) is not true",
    "delete from experiment_sums",
)
COUNT_EVERYTHING = """
insert into experiment_sums
select experiment_id, variant, sum(users), sum(conversions), sum(without_revenue), sum(without_revenue_before),
       sum(revenue), sum(squared_revenue), sum(revenue_before), sum(squared_before), sum(revenue_product)
  from exposure_sums
 group by experiment_id, variant
"""

WRITE_STATE = (
    "update experiment_state set horizon = %(next_horizon)s, reporting_currency = %(reporting_currency)s",
    """
    delete from experiment_periods former
     where not exists (
           select from experiments e
            where e.experiment_id = former.experiment_id and e.is_control
              and (e.started_at, e.ended_at) is not distinct from (former.started_at, former.ended_at)
           )
    """,
    """
    insert into experiment_periods
    select experiment_id, started_at, ended_at from experiments where is_control
        on conflict do nothing
    """,
    """
    delete from experiment_rates former
     where not exists (
           select from exchange_rates r
            where r.currency = former.currency and r.day = former.day and r.rate = former.rate
           )
    """,
    """
    insert into experiment_rates
    select currency, day, rate
      from exchange_rates r
     where not exists (select from experiment_rates x where x.currency = r.currency and x.day = r.day)
    """,
)
