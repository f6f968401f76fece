"""Common table expressions of a selection of checkouts, in the order in which they build on each other."""

from typing import LiteralString

# A shorter look-back leaves out the oldest touches of a path. The weights of time_decay halve within another time then.
TRIMMED: LiteralString = """
       (select count(*)::int from unnest(p.touch_times) t where t < p.checkout_timestamp - %(look_back)s::interval)
"""
TRIMMED_DECAYED: LiteralString = """
       array(select (round(power(2::float8, greatest(
                        extract(epoch from t - touch_times[touches])::float8
                        / extract(epoch from coalesce((select half_life from analytics_settings),
                                                      least(interval '7 days', %(look_back)s::interval / 4)))::float8,
                        -100))::numeric, 12) * 1000000000000)::bigint
               from unnest(touch_times[dropped + 1:]) with ordinality u (t, position)
              order by position)
"""
PATHS: LiteralString = """
chosen as (
    select p.*, {dropped} as dropped
      from credit_paths p
     where p.day between %(first_day)s and %(last_day)s {conditions}
),
path as (
    select *
      from (
           select checkout_id, checkout_timestamp, day, currency, digits, gross, net, is_new_customer,
                  touches - dropped as touches,
                  traffic_ids[dropped + 1:] as traffic_ids,
                  touch_times[dropped + 1:] as touch_times,
                  {decayed} as decayed,
                  channel_touches[dropped + 1:] as channel_touches,
                  channels, channel_multiple,
                  case when last_non_direct > dropped then last_non_direct - dropped else touches - dropped end
                      as last_non_direct,
                  product_touch
             from chosen
           ) path
     where {condition}
)
"""

CREDITS: LiteralString = """
touch_credit as (
    select p.day, p.currency, p.is_new_customer, c.model, c.traffic_id, c.conversions, c.gross, c.net
      from path p
     cross join lateral credits_of_path(
           p.gross, p.net, p.digits, p.touches, p.traffic_ids, p.decayed,
           (select sum(d) from unnest(p.decayed) d), p.channel_touches, p.channels, p.channel_multiple,
           p.last_non_direct, p.product_touch, %(models)s::text[]
           ) c
),
credit as (
    select c.day, c.currency, c.model, t.channel, t.campaign, sum(c.conversions) as conversions,
           coalesce(sum(c.conversions) filter (where c.is_new_customer), 0) as new_customers,
           sum(c.gross) as gross, sum(c.net) as net
      from touch_credit c
      join traffic_channels t using (traffic_id)
     group by c.day, c.currency, c.model, t.channel, t.campaign
)
"""
# Sums by day are enough for all checkouts, or for those in one currency.
SUMMED_CREDITS: LiteralString = """
credit as (
    select day, currency, model, channel, campaign, conversions, new_customers, gross, net
      from all_credits
     where day between %(first_day)s and %(last_day)s and model = any(%(models)s) {conditions}
)
"""
RATES: LiteralString = """
rate as (
    select day, currency, rate from reporting_rates where day between %(first_day)s and %(last_day)s
)
"""
# Amounts in one currency need no rate.
NO_RATES: LiteralString = """
rate as (
    select distinct day, currency, 1 as rate
      from reporting_rates
     where day between %(first_day)s and %(last_day)s and currency = %(currency)s
)
"""
