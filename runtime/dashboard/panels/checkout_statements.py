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

# The same division as in the view touch_credits (migration 13), for the paths above.
CREDITS: LiteralString = """
amount as (
    select p.*, case when k.is_gross then p.gross else p.net end * ('{{1,10,100,1000,10000}}'::numeric[])[p.digits + 1]
               as units,
           ('{{1,0.1,0.01,0.001,0.0001}}'::numeric[])[p.digits + 1] as unit,
           k.is_gross, not k.is_gross or p.gross = p.net as is_net,
           (select sum(d) from unnest(p.decayed) d) as all_decayed
      from path p
     cross join (values (true), (false)) k (is_gross)
     where p.touches > 1 and (k.is_gross or p.net <> p.gross and p.net <> 0)
),
divided as (
    select a.checkout_id, a.day, a.currency, a.is_new_customer, a.touches, a.units, a.unit, a.is_gross, a.is_net,
           t.traffic_id, t.position, w.model, d.*
      from amount a
     cross join lateral unnest(a.traffic_ids, a.decayed, a.channel_touches)
           with ordinality t (traffic_id, decayed, channel_touches, position)
     cross join unnest(%(models)s::text[]) w (model)
     cross join lateral (
           select case
                  when model = 'linear' then 1
                  when model = 'time_decay' then t.decayed
                  when model = 'shapley' then div(channel_multiple, t.channel_touches)
                  when model = 'position_based' or product_touch is null then
                      case when touches > 2 and position in (1, touches) then 2 * (touches - 2) else 1 end
                  when others = 0 then milestones
                  when milestones > 0 then 3 * milestones * others
                  else 1
                  end as part,
                  case
                  when model = 'linear' then touches
                  when model = 'time_decay' then all_decayed
                  when model = 'shapley' then channels * channel_multiple
                  when model = 'position_based' or product_touch is null then
                      case when touches > 2 then 5 * (touches - 2) else touches end
                  when others = 0 then 3
                  else 10 * others
                  end as whole
             from (select (position = 1)::int + (position = touches)::int + (position = product_touch)::int
                              as milestones,
                          touches - case when product_touch between 2 and touches - 1 then 3 else 2 end as others) m
           offset 0
           ) weight
     cross join lateral (
           select div(a.units * part, whole) as floor, mod(a.units * part, whole) as rest,
                  div(1000000000 * part, whole) as conversion_floor
           offset 0
           ) d
     where w.model not in ('first_touch', 'last_touch', 'last_non_direct') and weight.part > 0
),
ranked as (
    select d.*,
           units - sum(floor) over of_amount as left_over,
           1000000000 - sum(conversion_floor) over of_amount as conversions_left_over,
           row_number() over (of_amount order by rest desc, position) as rank
      from divided d
    window of_amount as (partition by checkout_id, model, is_gross)
),
touch_credit as (
    select day, currency, is_new_customer, model, traffic_id,
           case when is_gross
                then (conversion_floor + (touches - position < conversions_left_over)::int) * 0.000000001
                else 0 end as conversions,
           case when is_gross then (floor + (rank <= left_over)::int) * unit else 0 end as gross,
           case when is_net then (floor + (rank <= left_over)::int) * unit else 0 end as net
      from ranked
     union all
    select p.day, p.currency, p.is_new_customer, w.model,
           case when p.touches = 0 then 0
                when w.model = 'last_touch' then p.traffic_ids[p.touches]
                when w.model = 'last_non_direct' then p.traffic_ids[p.last_non_direct]
                else p.traffic_ids[1] end,
           1, p.gross, p.net
      from path p
     cross join unnest(%(models)s::text[]) w (model)
     where w.model in ('first_touch', 'last_touch', 'last_non_direct') or p.touches < 2
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
