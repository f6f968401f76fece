-- The analyst's views. They show the state of the last refresh; amounts are in the reporting currency where there is no
-- column `currency`, and null where an exchange rate is missing.

create view reporting_rates as
select d.day, d.currency,
       case when d.currency = (select reporting_currency from analytics_settings) then 1
            else (select r.rate from exchange_rates r
                   where r.currency = d.currency and r.day <= d.day
                   order by r.day desc limit 1)
       end as rate
  from (select day, currency from daily_credits where model = 'first_touch'
         union
        select day, currency from ad_spend) d
-- Lets the planner look up each rate once, instead of wherever it is used.
offset 0;

-- The models of the chain divide each day's total among all channels and campaigns: amounts by the largest remainder, and
-- then in the order of their names; what rounding leaves of conversions goes to the last names.
create view chain_credits as
with total as (
    select d.day, d.currency, sum(d.conversions) as conversions, sum(d.new_customers) as new_customers,
           sum(d.gross) as gross, sum(d.net) as net
      from daily_credits d
     where d.model = 'first_touch' and d.traffic_id <> 0
     group by d.day, d.currency
),
divided as (
    select t.day, t.currency, u.*, w.model, w.channel, w.campaign, w.position, w.positions, f.*
      from total t
     cross join lateral (
           select t.conversions * 1000000000 as conversions, t.new_customers * 1000000000 as new_customers,
                  t.gross * ('{1,10,100,1000,10000}'::numeric[])[digits + 1] as gross,
                  t.net * ('{1,10,100,1000,10000}'::numeric[])[digits + 1] as net,
                  ('{1,0.1,0.01,0.001,0.0001}'::numeric[])[digits + 1] as unit
             from (select greatest(coalesce((select c.digits from currency_units c where c.currency = t.currency), 2),
                                   min_scale(t.gross), min_scale(t.net)) as digits) d
           offset 0
           ) u
     cross join (
           select model, channel, campaign, weight, sum(weight) over (partition by model) as whole,
                  row_number() over (partition by model order by channel, campaign) as position,
                  count(*) over (partition by model) as positions
             from model_weights
            where weight > 0
           ) w
     cross join lateral (
           select div(u.conversions * w.weight, w.whole) as conversion_floor,
                  div(u.new_customers * w.weight, w.whole) as new_floor,
                  div(u.gross * w.weight, w.whole) as gross_floor, mod(u.gross * w.weight, w.whole) as gross_rest,
                  div(u.net * w.weight, w.whole) as net_floor, mod(u.net * w.weight, w.whole) as net_rest
           offset 0
           ) f
),
ranked as (
    select d.*,
           conversions - sum(conversion_floor) over of_day as conversions_left,
           new_customers - sum(new_floor) over of_day as new_left,
           gross - sum(gross_floor) over of_day as gross_left,
           net - sum(net_floor) over of_day as net_left,
           row_number() over (of_day order by gross_rest desc, position) as gross_rank,
           row_number() over (of_day order by net_rest desc, position) as net_rank
      from divided d
    window of_day as (partition by day, currency, model)
)
select day, currency, model, channel, campaign,
       (conversion_floor + (positions - position < conversions_left)::int) * 0.000000001 as conversions,
       (new_floor + (positions - position < new_left)::int) * 0.000000001 as new_customers,
       (gross_floor + (gross_rank <= gross_left)::int) * unit as gross,
       (net_floor + (net_rank <= net_left)::int) * unit as net
  from ranked;

-- Credits of all models, by day and currency.
create view all_credits as
select d.day, d.currency, d.model, t.channel, t.campaign, d.conversions, d.new_customers, d.gross, d.net
  from daily_credits d
  join traffic t using (traffic_id)
 union all
select day, currency, model, channel, campaign, conversions, new_customers, gross, net
  from chain_credits
 union all
select d.day, d.currency, m.model, '(unattributed)', '', d.conversions, d.new_customers, d.gross, d.net
  from daily_credits d
 cross join (select distinct model from model_weights) m
 where d.model = 'first_touch' and d.traffic_id = 0;

create view conversion_paths as
select p.checkout_id, p.user_id, p.checkout_timestamp, p.day, p.currency, p.gross as gross_amount, p.net as net_amount,
       p.is_new_customer, p.touches,
       coalesce((select string_agg(t.channel, ' > ' order by u.position)
                   from unnest(p.traffic_ids) with ordinality u (traffic_id, position)
                   join traffic t using (traffic_id)), '(unattributed)') as path,
       coalesce((select t.channel from traffic t where t.traffic_id = p.traffic_ids[1]), '(unattributed)')
           as first_channel,
       coalesce((select t.channel from traffic t where t.traffic_id = p.traffic_ids[p.touches]), '(unattributed)')
           as last_channel,
       p.first_click_id,
       p.touch_times[1] as first_touch_at,
       p.touch_times[p.touches] as last_touch_at,
       p.checkout_timestamp - p.touch_times[1] as time_to_convert
  from checkout_paths p;

create view channel_credits as
select c.checkout_id, c.day, c.model, t.channel, t.campaign, c.currency, sum(c.conversions) as conversions,
       sum(c.gross)::numeric(19, 4) as gross_credit, sum(c.net)::numeric(19, 4) as net_credit
  from touch_credits c
  join traffic t using (traffic_id)
 group by c.checkout_id, c.day, c.model, t.channel, t.campaign, c.currency;

create view channel_performance as
with row_of_day as (
    select c.day, c.channel, c.campaign, c.model, c.conversions, c.new_customers, c.gross * r.rate as gross,
           c.net * r.rate as net, 0::numeric as spend, r.rate is null as lacks_revenue, false as lacks_spend
      from all_credits c
      join reporting_rates r on r.day = c.day and r.currency = c.currency
     union all
    select s.day, s.channel, s.campaign, m.model, 0, 0, 0, 0, s.amount * r.rate, false, r.rate is null
      from ad_spend s
      join reporting_rates r on r.day = s.day and r.currency = s.currency
     cross join (values ('first_touch'), ('last_touch'), ('last_non_direct'), ('linear'), ('time_decay'),
                        ('position_based'), ('w_shaped'), ('shapley'), ('markov'), ('shapley_markov')) m (model)
),
summed as (
    select day, channel, campaign, model, sum(conversions) as conversions, sum(new_customers) as new_customers,
           case when not bool_or(lacks_revenue) then sum(gross) end as gross_revenue,
           case when not bool_or(lacks_revenue) then sum(net) end as net_revenue,
           case when not bool_or(lacks_spend) then sum(spend) end as spend
      from row_of_day
     group by day, channel, campaign, model
)
select day, channel, campaign, model, conversions, new_customers, gross_revenue, net_revenue, spend,
       round(net_revenue / nullif(spend, 0), 4) as roas,
       round(spend / nullif(conversions, 0), 4) as cpa,
       round(spend / nullif(new_customers, 0), 4) as cac,
       round(gross_revenue / nullif(conversions, 0), 4) as aov
  from summed;

create view model_comparison as
select p.day, p.channel, m.measure,
       case when count(*) filter (where model = 'first_touch') = count(value) filter (where model = 'first_touch')
            then coalesce(sum(value) filter (where model = 'first_touch'), 0) end as first_touch,
       case when count(*) filter (where model = 'last_touch') = count(value) filter (where model = 'last_touch')
            then coalesce(sum(value) filter (where model = 'last_touch'), 0) end as last_touch,
       case when count(*) filter (where model = 'last_non_direct') = count(value) filter (where model = 'last_non_direct')
            then coalesce(sum(value) filter (where model = 'last_non_direct'), 0) end as last_non_direct,
       case when count(*) filter (where model = 'linear') = count(value) filter (where model = 'linear')
            then coalesce(sum(value) filter (where model = 'linear'), 0) end as linear,
       case when count(*) filter (where model = 'time_decay') = count(value) filter (where model = 'time_decay')
            then coalesce(sum(value) filter (where model = 'time_decay'), 0) end as time_decay,
       case when count(*) filter (where model = 'position_based') = count(value) filter (where model = 'position_based')
            then coalesce(sum(value) filter (where model = 'position_based'), 0) end as position_based,
       case when count(*) filter (where model = 'w_shaped') = count(value) filter (where model = 'w_shaped')
            then coalesce(sum(value) filter (where model = 'w_shaped'), 0) end as w_shaped,
       case when count(*) filter (where model = 'shapley') = count(value) filter (where model = 'shapley')
            then coalesce(sum(value) filter (where model = 'shapley'), 0) end as shapley,
       case when count(*) filter (where model = 'markov') = count(value) filter (where model = 'markov')
            then coalesce(sum(value) filter (where model = 'markov'), 0) end as markov,
       case when count(*) filter (where model = 'shapley_markov') = count(value) filter (where model = 'shapley_markov')
            then coalesce(sum(value) filter (where model = 'shapley_markov'), 0) end as shapley_markov
  from channel_performance p
 cross join lateral (values ('conversions', p.conversions), ('gross_revenue', p.gross_revenue),
                            ('net_revenue', p.net_revenue)) m (measure, value)
 group by p.day, p.channel, m.measure;

create view path_summary as
with path_of_day as (
    select p.day, p.traffic_ids, count(*) as conversions, 0 as non_conversions,
           sum(p.gross * r.rate) as gross, sum(p.net * r.rate) as net, bool_or(r.rate is null) as lacks_revenue
      from checkout_paths p
      join reporting_rates r on r.day = p.day and r.currency = p.currency
     group by p.day, p.traffic_ids
     union all
    select day, traffic_ids, 0, count(*), 0, 0, false
      from unconverted_paths
     group by day, traffic_ids
)
select p.day, n.path, cardinality(p.traffic_ids) as touches, sum(p.conversions)::bigint as conversions,
       sum(p.non_conversions)::bigint as non_conversions,
       case when not bool_or(p.lacks_revenue) then sum(p.gross) end as gross_revenue,
       case when not bool_or(p.lacks_revenue) then sum(p.net) end as net_revenue
  from path_of_day p
 cross join lateral (
       select coalesce(string_agg(t.channel, ' > ' order by u.position), '(unattributed)') as path
         from unnest(p.traffic_ids) with ordinality u (traffic_id, position)
         join traffic t using (traffic_id)
       ) n
 group by p.day, n.path, cardinality(p.traffic_ids);

create view assisted_conversions as
select p.day, c.channel,
       count(*) filter (where c.is_first) as first_touch_conversions,
       count(*) filter (where c.is_last) as last_touch_conversions,
       count(*) filter (where not c.is_last) as assisted_conversions,
       case when not bool_or(r.rate is null) then coalesce(sum(p.net * r.rate) filter (where not c.is_last), 0) end
           as assisted_net_revenue
  from checkout_paths p
  join reporting_rates r on r.day = p.day and r.currency = p.currency
 cross join lateral (
       select t.channel, bool_or(u.position = 1) as is_first, bool_or(u.position = p.touches) as is_last
         from unnest(p.traffic_ids) with ordinality u (traffic_id, position)
         join traffic t using (traffic_id)
        group by t.channel
       ) c
 group by p.day, c.channel;

create view time_to_convert as
select p.day, b.time_from, b.time_to, count(*) as conversions,
       case when not bool_or(r.rate is null) then sum(p.gross * r.rate) end as gross_revenue,
       case when not bool_or(r.rate is null) then sum(p.net * r.rate) end as net_revenue
  from checkout_paths p
  join reporting_rates r on r.day = p.day and r.currency = p.currency
  join (values (interval '0', interval '10 minutes'), ('10 minutes', '1 hour'), ('1 hour', '6 hours'),
               ('6 hours', '1 day'), ('1 day', '3 days'), ('3 days', '7 days'), ('7 days', '14 days'),
               ('14 days', '30 days'), ('30 days', null)) b (time_from, time_to)
    on p.checkout_timestamp - p.touch_times[1] >= b.time_from
   and (b.time_to is null or p.checkout_timestamp - p.touch_times[1] < b.time_to)
 group by p.day, b.time_from, b.time_to;

create view new_vs_returning as
select p.day, case when p.is_new_customer then 'new' else 'returning' end as customer, count(*) as checkouts,
       case when not bool_or(r.rate is null) then sum(p.gross * r.rate) end as gross_revenue,
       case when not bool_or(r.rate is null) then sum(p.net * r.rate) end as net_revenue,
       case when not bool_or(r.rate is null) then round(sum(p.gross * r.rate) / count(*), 4) end as aov
  from checkout_paths p
  join reporting_rates r on r.day = p.day and r.currency = p.currency
 group by p.day, p.is_new_customer;

create view cohort_ltv as
with checkout as (
    select p.user_id, date_trunc('month', p.day)::date as month, p.net * r.rate as net,
           min(date_trunc('month', p.day)::date) over (partition by p.user_id) as cohort
      from checkout_paths p
      join reporting_rates r on r.day = p.day and r.currency = p.currency
),
cohort as (
    select cohort, count(distinct user_id) as customers from checkout group by cohort
),
activity as (
    select cohort, month, count(distinct user_id) as buyers, count(*) as orders, sum(net) as net,
           bool_or(net is null) as lacks_revenue
      from checkout
     group by cohort, month
),
month_of_cohort as (
    select c.cohort, c.customers, m.month::date as month,
           row_number() over (partition by c.cohort order by m.month) - 1 as months_since,
           coalesce(a.buyers, 0) as buyers, coalesce(a.orders, 0) as orders, coalesce(a.net, 0) as net,
           coalesce(a.lacks_revenue, false) as lacks_revenue
      from cohort c
     cross join lateral generate_series(
           c.cohort::timestamp, (select max(month) from checkout)::timestamp, interval '1 month'
           ) m (month)
      left join activity a on a.cohort = c.cohort and a.month = m.month::date
)
select cohort, months_since, customers, buyers, orders,
       case when not lacks_revenue then net end as net_revenue,
       case when not bool_or(lacks_revenue) over upwards then sum(net) over upwards end as cumulative_net_revenue,
       case when not bool_or(lacks_revenue) over upwards then round(sum(net) over upwards / customers, 4) end as ltv
  from month_of_cohort
window upwards as (partition by cohort order by month);

create view unattributed as
select p.day, count(*) as checkouts,
       count(*) filter (where p.touches = 0) as unattributed,
       round(count(*) filter (where p.touches = 0)::numeric / count(*), 4) as unattributed_share,
       case when not bool_or(r.rate is null) then coalesce(sum(p.gross * r.rate) filter (where p.touches = 0), 0) end
           as gross_revenue,
       case when not bool_or(r.rate is null) then coalesce(sum(p.net * r.rate) filter (where p.touches = 0), 0) end
           as net_revenue,
       count(*) filter (where reason = 'robot') as only_robot_clicks,
       count(*) filter (where reason = 'older') as only_older_clicks,
       count(*) filter (where reason = 'none') as no_clicks
  from checkout_paths p
  join reporting_rates r on r.day = p.day and r.currency = p.currency
 cross join lateral (
       select case
              when p.touches > 0 then null
              when exists (select from raw_clicks c
                            where c.user_id = p.user_id and c.is_bot
                              and c.click_timestamp
                                  between p.checkout_timestamp - (select look_back from refresh_state)
                                      and p.checkout_timestamp)
              then 'robot'
              when exists (select from raw_clicks c
                            where c.user_id = p.user_id and not c.is_bot and c.click_timestamp < p.checkout_timestamp)
              then 'older'
              else 'none'
              end as reason
       ) w
 group by p.day;

create view funnel as
select v.day, v.channel, sum(v.clicks)::bigint as clicks, count(*) as visitors,
       count(*) filter (where v.saw_product) as product_visitors,
       count(*) filter (where v.bought) as buyers,
       round(count(*) filter (where v.bought)::numeric / count(*), 4) as conversion_rate
  from (
       select (c.click_timestamp at time zone 'UTC')::date as day, t.channel, c.user_id, count(*) as clicks,
              bool_or(c.product_id is not null) as saw_product,
              bool_or(exists (
                  select from raw_checkouts k
                   where k.user_id = c.user_id and not k.test
                     and k.checkout_timestamp
                         between c.click_timestamp and c.click_timestamp + (select look_back from refresh_state)
              )) as bought
         from raw_clicks c
         join traffic t
           on t.digest = traffic_digest(coalesce(c.utm_source, ''), coalesce(c.utm_medium, ''),
                                        coalesce(c.utm_campaign, ''), referrer_host(c.referrer))
        where not c.is_bot
        group by 1, t.channel, c.user_id
       ) v
 group by v.day, v.channel;

comment on view reporting_rates is
    'Exchange rates to the reporting currency for each day and currency with checkouts or spend.';
comment on column reporting_rates.day is 'Day, in UTC.';
comment on column reporting_rates.currency is 'The converted currency.';
comment on column reporting_rates.rate is
    'The last rate of exchange_rates up to that day; 1 for the reporting currency; null when there is none yet.';

comment on view chain_credits is
    'Credits by markov and shapley_markov: each day''s checkouts with touches, divided among all channels by '
    'model_weights. These models know no credit of a single checkout.';
comment on column chain_credits.day is 'Day of the checkouts, in UTC.';
comment on column chain_credits.currency is 'Currency of the amounts.';
comment on column chain_credits.model is 'markov or shapley_markov.';
comment on column chain_credits.channel is 'The credited channel.';
comment on column chain_credits.campaign is
    'The credited campaign: campaigns share a channel by their number of touches; empty when missing.';
comment on column chain_credits.conversions is 'Credited checkouts.';
comment on column chain_credits.new_customers is 'Credited first orders of customers.';
comment on column chain_credits.gross is 'Credited amount before refunds.';
comment on column chain_credits.net is 'Credited amount after refunds and cancellations.';

comment on view all_credits is
    'Credits of all models, by day and currency.';
comment on column all_credits.day is 'Day of the checkouts, in UTC.';
comment on column all_credits.currency is 'Currency of the amounts.';
comment on column all_credits.model is 'Attribution model.';
comment on column all_credits.channel is 'The credited channel; (unattributed) has the checkouts without a touch.';
comment on column all_credits.campaign is 'The credited campaign; empty when missing.';
comment on column all_credits.conversions is 'Credited checkouts; the shares of a checkout add up to 1.';
comment on column all_credits.new_customers is 'Credited first orders of customers.';
comment on column all_credits.gross is 'Credited amount before refunds.';
comment on column all_credits.net is 'Credited amount after refunds and cancellations.';

comment on view conversion_paths is
    'A row for each checkout, without test orders: the clicks that led to it. Touches are clicks of the same user '
    'within the look-back before the checkout, in order of time; clicks of robots are left out.';
comment on column conversion_paths.checkout_id is 'Id of the checkout.';
comment on column conversion_paths.user_id is 'The buyer.';
comment on column conversion_paths.checkout_timestamp is 'Time of the checkout.';
comment on column conversion_paths.day is 'Day of the checkout, in UTC.';
comment on column conversion_paths.currency is 'Currency of the amounts.';
comment on column conversion_paths.gross_amount is 'Amount of the highest revision, before refunds.';
comment on column conversion_paths.net_amount is 'Amount after refunds and cancellations, as in net_checkouts.';
comment on column conversion_paths.is_new_customer is 'The first checkout of this user; cancelled ones count.';
comment on column conversion_paths.touches is 'Number of touches.';
comment on column conversion_paths.path is
    'Channels of the touches, with " > " between them; (unattributed) without a touch.';
comment on column conversion_paths.first_channel is 'Channel of the first touch.';
comment on column conversion_paths.last_channel is 'Channel of the last touch.';
comment on column conversion_paths.first_click_id is 'The click of the first touch; null without one.';
comment on column conversion_paths.first_touch_at is 'Time of the first touch.';
comment on column conversion_paths.last_touch_at is 'Time of the last touch.';
comment on column conversion_paths.time_to_convert is 'Time from the first touch to the checkout.';

comment on view channel_credits is
    'Credits of each checkout by the models that credit single checkouts: all but markov and shapley_markov. The '
    'credits of a checkout add up to its amounts exactly, in every model.';
comment on column channel_credits.checkout_id is 'Id of the checkout.';
comment on column channel_credits.day is 'Day of the checkout, in UTC.';
comment on column channel_credits.model is 'Attribution model.';
comment on column channel_credits.channel is 'The credited channel; (unattributed) for a checkout without touches.';
comment on column channel_credits.campaign is 'The credited campaign; empty when missing.';
comment on column channel_credits.currency is 'Currency of the credits.';
comment on column channel_credits.conversions is 'Share of the checkout.';
comment on column channel_credits.gross_credit is 'Share of the gross amount, in whole units of the currency.';
comment on column channel_credits.net_credit is 'Share of the net amount, in whole units of the currency.';

comment on view channel_performance is
    'What each channel and campaign brought and cost on each day, by each model, in the reporting currency. A '
    'ratio for several rows is the ratio of the sums.';
comment on column channel_performance.day is 'Day of the checkouts and of the spend, in UTC.';
comment on column channel_performance.channel is
    'Channel by channel_rules; (unattributed) has the checkouts without a touch.';
comment on column channel_performance.campaign is 'Campaign as in utm_campaign; empty when missing.';
comment on column channel_performance.model is 'Attribution model.';
comment on column channel_performance.conversions is 'Credited checkouts; the shares of a checkout add up to 1.';
comment on column channel_performance.new_customers is 'Credited first orders of customers.';
comment on column channel_performance.gross_revenue is
    'Credited amounts before refunds; null when an exchange rate is missing.';
comment on column channel_performance.net_revenue is
    'Credited amounts after refunds and cancellations; null when an exchange rate is missing.';
comment on column channel_performance.spend is
    'Spend of the same day, channel and campaign, which is the same for every model; null when an exchange rate '
    'is missing.';
comment on column channel_performance.roas is 'Return on ad spend: net revenue divided by spend.';
comment on column channel_performance.cpa is 'Cost per acquisition: spend divided by conversions.';
comment on column channel_performance.cac is 'Customer acquisition cost: spend divided by new customers.';
comment on column channel_performance.aov is 'Average order value: gross revenue divided by conversions.';

comment on view model_comparison is
    'The models side by side: one measure of a channel on a day by every model, in the reporting currency.';
comment on column model_comparison.day is 'Day of the checkouts, in UTC.';
comment on column model_comparison.channel is 'Channel by channel_rules.';
comment on column model_comparison.measure is 'conversions, gross_revenue or net_revenue, as in channel_performance.';
comment on column model_comparison.first_touch is 'All credit to the first touch.';
comment on column model_comparison.last_touch is 'All credit to the last touch.';
comment on column model_comparison.last_non_direct is
    'All credit to the last touch that is not direct; to the last touch when all are direct.';
comment on column model_comparison.linear is 'The same credit to every touch.';
comment on column model_comparison.time_decay is
    'Credit that halves with each half-life between the touch and the checkout.';
comment on column model_comparison.position_based is
    '0.4 to the first and the last touch each; the touches between them share 0.2. One or two touches share equally.';
comment on column model_comparison.w_shaped is
    '0.3 to the first touch, the first touch of a product in the order, and the last touch each; the others share '
    '0.1. As position_based without a touch of a product in the order.';
comment on column model_comparison.shapley is
    'The same credit to each distinct channel of the path, whose touches share it.';
comment on column model_comparison.markov is 'Removal effects of the channels in a Markov chain, in proportion.';
comment on column model_comparison.shapley_markov is
    'Shapley values of the channels by the conversion probability of the Markov chain.';

comment on view path_summary is
    'Paths of channels by day: how often they ended in a checkout and how often not.';
comment on column path_summary.day is 'Day of the checkout in UTC, or of the last click of a path without one.';
comment on column path_summary.path is
    'Channels of the touches, with " > " between them; (unattributed) without a touch.';
comment on column path_summary.touches is 'Number of touches.';
comment on column path_summary.conversions is 'Checkouts with this path.';
comment on column path_summary.non_conversions is
    'Paths of users whom no checkout has followed so far within the look-back of any click; a pause longer than '
    'the look-back starts a new path.';
comment on column path_summary.gross_revenue is
    'Amounts before refunds, in the reporting currency; null when an exchange rate is missing.';
comment on column path_summary.net_revenue is
    'Amounts after refunds, in the reporting currency; null when an exchange rate is missing.';

comment on view assisted_conversions is
    'Checkouts that a channel led to without being the last touch.';
comment on column assisted_conversions.day is 'Day of the checkouts, in UTC.';
comment on column assisted_conversions.channel is 'A channel of their paths.';
comment on column assisted_conversions.first_touch_conversions is 'Checkouts whose first touch came by the channel.';
comment on column assisted_conversions.last_touch_conversions is 'Checkouts whose last touch came by the channel.';
comment on column assisted_conversions.assisted_conversions is
    'Checkouts with a touch by the channel, and a last touch by another one. Each channel of a path counts once.';
comment on column assisted_conversions.assisted_net_revenue is
    'Net amounts of the assisted checkouts, in the reporting currency; null when an exchange rate is missing. '
    'Channels of one path count the same amount.';

comment on view time_to_convert is
    'Checkouts by the time from their first touch.';
comment on column time_to_convert.day is 'Day of the checkouts, in UTC.';
comment on column time_to_convert.time_from is 'Shortest time of the row.';
comment on column time_to_convert.time_to is 'Upper end of the row, not included; null: no end.';
comment on column time_to_convert.conversions is 'Checkouts.';
comment on column time_to_convert.gross_revenue is
    'Amounts before refunds, in the reporting currency; null when an exchange rate is missing.';
comment on column time_to_convert.net_revenue is
    'Amounts after refunds, in the reporting currency; null when an exchange rate is missing.';

comment on view new_vs_returning is
    'Checkouts of new and of returning customers.';
comment on column new_vs_returning.day is 'Day of the checkouts, in UTC.';
comment on column new_vs_returning.customer is
    'new: the first checkout of a user, test orders left out; returning: every later one.';
comment on column new_vs_returning.checkouts is 'Checkouts.';
comment on column new_vs_returning.gross_revenue is
    'Amounts before refunds, in the reporting currency; null when an exchange rate is missing.';
comment on column new_vs_returning.net_revenue is
    'Amounts after refunds, in the reporting currency; null when an exchange rate is missing.';
comment on column new_vs_returning.aov is 'Average order value: gross revenue divided by checkouts.';

comment on view cohort_ltv is
    'Lifetime value of customers by the month of their first checkout, month by month.';
comment on column cohort_ltv.cohort is 'First day of the month of the first checkout, in UTC.';
comment on column cohort_ltv.months_since is 'Calendar months since the first one, which has 0.';
comment on column cohort_ltv.customers is 'Customers of the cohort.';
comment on column cohort_ltv.buyers is 'Customers of the cohort with a checkout in this month.';
comment on column cohort_ltv.orders is 'Their checkouts in this month.';
comment on column cohort_ltv.net_revenue is
    'Net amounts of this month, in the reporting currency; null when an exchange rate is missing.';
comment on column cohort_ltv.cumulative_net_revenue is
    'Net amounts up to this month; null when an exchange rate is missing.';
comment on column cohort_ltv.ltv is 'Cumulative net revenue divided by the customers of the cohort.';

comment on view unattributed is
    'Checkouts without a touch, and why.';
comment on column unattributed.day is 'Day of the checkouts, in UTC.';
comment on column unattributed.checkouts is 'All checkouts.';
comment on column unattributed.unattributed is 'Checkouts without a touch.';
comment on column unattributed.unattributed_share is 'Unattributed checkouts divided by all.';
comment on column unattributed.gross_revenue is
    'Amounts of the unattributed ones before refunds, in the reporting currency; null when an exchange rate is '
    'missing.';
comment on column unattributed.net_revenue is 'The same after refunds.';
comment on column unattributed.only_robot_clicks is
    'Unattributed checkouts whose clicks within the look-back are all of robots.';
comment on column unattributed.only_older_clicks is
    'Unattributed checkouts whose user clicked before the look-back only.';
comment on column unattributed.no_clicks is 'Unattributed checkouts without any click of the user before them.';

comment on view funnel is
    'From visit to purchase, by day and channel, without robots.';
comment on column funnel.day is 'Day of the clicks, in UTC.';
comment on column funnel.channel is 'Channel of the clicks.';
comment on column funnel.clicks is 'Clicks.';
comment on column funnel.visitors is 'Users with a click.';
comment on column funnel.product_visitors is 'Visitors with a click on a page of a product.';
comment on column funnel.buyers is
    'Visitors whom a checkout followed within the look-back of a click; test orders are left out.';
comment on column funnel.conversion_rate is 'Buyers divided by visitors.';

-- Sums over some months sort in memory.
alter role pipeline_analyst set work_mem = '32MB';

grant select on
    reporting_rates, conversion_paths, channel_credits, channel_performance, model_comparison, path_summary, assisted_conversions,
    time_to_convert, new_vs_returning, cohort_ltv, unattributed, funnel
    to pipeline_analyst;
grant select on reporting_rates, all_credits, chain_credits to pipeline_analytics;
