"""SQL statements of the part `segments` of a refresh, in execution order.

All of it is computed from `checkout_paths`, which have the checkouts that are no test orders, with their net amounts.
"""

WEEKS = 26

# Due once a day; and at once for another currency or rate, for a full refresh, for a newer day of older events,
# and for a number of checkouts that differs by more than late events explain.
READ_STATE = """
with current as (
    select %(today)s::date as today,
           (select max(day) from checkout_paths where day < %(today)s) as as_of,
           (select coalesce(sum(conversions), 0) from daily_credits where model = 'first_touch' and day < %(today)s)
               as checkouts,
           (select reporting_currency from analytics_settings) as reporting_currency,
           (select md5(coalesce(string_agg(concat_ws(' ', currency, day, rate), ',' order by currency, day), ''))::uuid
              from exchange_rates) as rates,
           (select case when kind = 'full' then run_id end from model_runs order by run_id desc limit 1) as full_run_id
)
select n.*,
       (s.refreshed_on, s.as_of, s.reporting_currency, s.rates)
           is distinct from (n.today, n.as_of, n.reporting_currency, n.rates)
       or abs(n.checkouts - s.checkouts) > 0.01 * s.checkouts
       or n.full_run_id is not null and n.full_run_id is distinct from s.full_run_id as is_due
  from segment_state s
 cross join current n
"""

WRITE_STATE = """
update segment_state
   set refreshed_on = %(today)s, as_of = %(as_of)s, checkouts = %(checkouts)s,
       reporting_currency = %(reporting_currency)s, rates = %(rates)s, full_run_id = %(full_run_id)s
"""

# Readers of the views do not wait, as they would for `truncate`.
DELETE_EVERYTHING = (
    "delete from customer_scores",
    "delete from segment_moves",
    "delete from value_model",
    "delete from value_calibration",
)

# Purchases of a customer up to `day`. They are the customer's state until the day before `next_day`.
CREATE_STATES = """
create temporary table customer_states (
    customer int not null, user_id text collate "C" not null, day date not null, next_day date,
    first_day date not null, purchase_days bigint not null, all_purchase_days bigint not null,
    checkouts bigint not null, value numeric not null, first_value numeric, lacks_value boolean not null
) on commit drop
"""
INSERT_STATES = """
insert into customer_states
select dense_rank() over (order by user_id), user_id, day, lead(day) over days, min(day) over days,
       row_number() over days, count(*) over (partition by user_id), sum(checkouts) over days,
       coalesce(sum(value) over days, 0), first_value(value) over days, bool_or(value is null) over days
  from (
       select p.user_id, p.day, count(*) as checkouts,
              case when not bool_or(r.rate is null) then sum(p.net * r.rate) end as value
         from checkout_paths p
         join reporting_rates r on r.day = p.day and r.currency = p.currency
        where p.day <= %(as_of)s
        group by p.user_id, p.day
       ) d
window days as (partition by user_id order by day)
"""
ANALYZE_STATES = "analyze customer_states"

# A row a customer, in their order: repeat purchases, recency and age in days, mean value of a repeat purchase (NaN: not
# known), and purchases after the day.
READ_HISTORIES = """
select purchase_days - 1, day - first_day, %(day)s - first_day,
       case when lacks_value then 'NaN'
            when purchase_days = 1 then 0
            else (value - first_value) / (purchase_days - 1) end::float8,
       all_purchase_days - purchase_days
  from customer_states
 where day <= %(day)s and (next_day is null or next_day > %(day)s)
 order by customer
"""
FIRST_DAY = "select min(first_day) from customer_states"

# The first missing day of each currency; a rate from then on is what the customers without a value need.
MISSING_RATES = """
select string_agg(format('%%s from %%s on', currency, day), ', ' order by currency)
  from (
       select p.currency, min(p.day) as day
         from checkout_paths p
         join reporting_rates r on r.day = p.day and r.currency = p.currency
        where r.rate is null and p.day <= %(as_of)s
        group by p.currency
       ) missing
"""

CREATE_PREDICTIONS = """
create temporary table customer_predictions (
    customer int not null, repeat_probability float8, expected_purchases float8, expected_value float8
) on commit drop
"""
COPY_PREDICTIONS = "copy customer_predictions from stdin"

# `segments` are the names by r, from 1, and by f.
INSERT_SCORES = """
insert into customer_scores
select user_id, recency_days, checkouts, monetary, r, f, m, (%(segments)s::text[])[r::int][f::int],
       repeat_probability, expected_purchases, expected_value
  from (
       select c.*, %(as_of)s - c.day as recency_days,
              6 - least(5, 1 + 5 * (rank() over (order by c.day desc) - 1) / greatest(count(*) over () - 1, 1)) as r,
              least(5, 1 + 5 * (rank() over (order by c.checkouts) - 1) / greatest(count(*) over () - 1, 1)) as f,
              case when c.monetary is not null then
                   least(5, 1 + 5 * (rank() over (partition by c.lacks_value order by c.monetary) - 1)
                                / greatest(count(*) over (partition by c.lacks_value) - 1, 1)) end as m
         from (
              select customer, user_id, day, checkouts, lacks_value,
                     case when not lacks_value then value end as monetary
                from customer_states
               where next_day is null
              ) c
       ) s
  left join customer_predictions using (customer)
"""

# Week 0 ends on `first_sunday`. A state holds at the end of the weeks from `from_week` to `to_week`, and the customer's
# former one at the end of the week before. Customers with the same states are counted together: fewer rows to sort.
INSERT_MOVES = """
insert into segment_moves
with held as (
    select day, checkouts, from_week, to_week, lag(day) over customer as former_day,
           lag(checkouts) over customer as former_checkouts
      from (
           select customer, day, checkouts, (greatest(day - %(first_sunday)s, 0) + 6) / 7 as from_week,
                  case when next_day is null then %(weeks)s
                       else least(%(weeks)s, (greatest(next_day - %(first_sunday)s, 0) + 6) / 7 - 1) end as to_week
             from customer_states
           ) s
     where from_week <= to_week
    window customer as (partition by customer order by day)
),
state as materialized (
    select week, day, checkouts, case when week = from_week then former_day else day end as former_day,
           case when week = from_week then former_checkouts else checkouts end as former_checkouts,
           count(*) as customers
      from held
     cross join lateral generate_series(from_week, to_week) week
     group by 1, 2, 3, 4, 5
),
recency as materialized (
    select week, day,
           6 - least(5, 1 + 5 * (sum(customers) over (partition by week order by day desc) - customers)::bigint
                            / greatest(sum(customers) over (partition by week) - 1, 1)::bigint) as r
      from (select week, day, sum(customers) as customers from state group by week, day) s
),
frequency as materialized (
    select week, checkouts,
           least(5, 1 + 5 * (sum(customers) over (partition by week order by checkouts) - customers)::bigint
                        / greatest(sum(customers) over (partition by week) - 1, 1)::bigint) as f
      from (select week, checkouts, sum(customers) as customers from state group by week, checkouts) s
)
select %(first_sunday)s + 7 * s.week - 6, coalesce((%(segments)s::text[])[b.r::int][g.f::int], '(new)') as former,
       (%(segments)s::text[])[r.r::int][f.f::int] as segment, sum(s.customers)
  from state s
  join recency r on r.week = s.week and r.day = s.day
  join frequency f on f.week = s.week and f.checkouts = s.checkouts
  left join recency b on b.week = s.week - 1 and b.day = s.former_day
  left join frequency g on g.week = s.week - 1 and g.checkouts = s.former_checkouts
 where s.week > 0
 group by s.week, former, segment
"""

INSERT_MODEL = """
insert into value_model (
    as_of, horizon_weeks, customers, repeat_customers, fitted_customers, r, alpha, a, b, why_no_purchases, p, q, gamma,
    why_no_value, why_no_calibration, customers_without_value, notes
)
values (
    %(as_of)s, %(horizon_weeks)s, %(customers)s, %(repeat_customers)s, %(fitted_customers)s, %(r)s, %(alpha)s, %(a)s,
    %(b)s, %(why_no_purchases)s, %(p)s, %(q)s, %(gamma)s, %(why_no_value)s, %(why_no_calibration)s,
    %(customers_without_value)s, %(notes)s
)
"""
INSERT_POINT = "insert into value_calibration values (%s, %s, %s, %s, %s, %s, %s)"
