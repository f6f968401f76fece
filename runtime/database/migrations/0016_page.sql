-- What the page (runtime/dashboard) reads beside the analyst's views. Nothing here names a user.

-- The figures of the live page, in one row. The page keeps them up to date from what each commit adds; this view computes
-- them anew, and its comments are their definitions.
create view live_figures as
with newest as (
    select began_at, committed_at, watermark from batches order by began_at desc limit 1
),
batch as (
    select b.* from batches b, newest n where b.began_at > n.committed_at - interval '1 hour'
),
latest as (
    select max(greatest(last_click, last_checkout)) as event from batch
),
recent as (
    select b.began_at, b.committed_at, b.watermark
      from batch b, newest n
     where b.committed_at >= date_bin('5 seconds', n.committed_at, 'epoch') - interval '55 seconds'
),
latency as (
    select greatest(0, round(1000 * extract(epoch from b.committed_at - k.arrived_at)))::bigint as milliseconds
      from raw_checkouts k
      join recent b on b.began_at = k.ingested_at
     where k.checkout_timestamp >= (select min(coalesce(nullif(watermark, 'epoch'), began_at - interval '1 hour'))
                                      from recent)
       and not k.late
),
checkout as (
    select count(*) as checkouts, count(a.click_id) as credited,
           case when not bool_or(r.rate is null) then sum(a.total_amount * r.rate) end as revenue
      from latest l
      join attributed_checkouts a
        on a.checkout_timestamp >= date_bin('5 seconds', l.event, 'epoch') - interval '1 hour' + interval '5 seconds'
       and not a.test
     cross join analytics_settings s
      left join lateral (
           select case when a.currency = s.reporting_currency then 1
                       else (select x.rate from exchange_rates x
                              where x.currency = a.currency
                                and x.day <= (a.checkout_timestamp at time zone 'UTC')::date
                              order by x.day desc limit 1) end as rate
           ) r on true
)
select (select sum(clicks + checkouts + refunds) from batch)::bigint as events,
       (select coalesce(sum(clicks + checkouts + refunds), 0) from batch
         where committed_at > clock_timestamp() - interval '30 seconds') / 30 as events_per_second,
       c.checkouts,
       c.revenue,
       round(c.credited::numeric / nullif(c.checkouts, 0), 4) as credited_share,
       (select percentile_disc(0.5) within group (order by milliseconds) from latency) as p50_ms,
       (select percentile_disc(0.99) within group (order by milliseconds) from latency) as p99_ms,
       greatest(0, extract(epoch from clock_timestamp() - l.event)) as lag_seconds,
       nullif(n.watermark, 'epoch') as watermark,
       (select sum(late) from batch)::bigint as late,
       (select sum(dead_letters) from batch)::bigint as refused,
       (select sum(refunds) from batch)::bigint as refunds,
       (select sum(conflicts) from batch)::bigint as conflicts,
       (select sum(repaired) from batch)::bigint as repaired
  from newest n, latest l, checkout c;

comment on view live_figures is
    'The figures of the live page, in one row; no row before the first commit. The last hour is the hour before the newest '
    'commit, or for checkouts the hour before the newest event, in steps of five seconds.';
comment on column live_figures.events is
    'Clicks, checkouts and refunds that were stored in the last hour. Each event counts once.';
comment on column live_figures.events_per_second is 'Events stored in the last 30 seconds, divided by 30.';
comment on column live_figures.checkouts is 'Checkouts of the last hour by their own time, without test orders.';
comment on column live_figures.revenue is
    'Amounts of these checkouts before refunds, in the reporting currency; null when an exchange rate is missing.';
comment on column live_figures.credited_share is
    'Checkouts of the last hour with a click of the same user in the hour before them, divided by all of them.';
comment on column live_figures.p50_ms is
    'Median of the milliseconds from the acceptance of a checkout by Kinesis to the commit of its row, for the checkouts '
    'committed in the last minute. Late ones are left out.';
comment on column live_figures.p99_ms is
    'As the median: 99 of 100 checkouts need at most this many milliseconds.';
comment on column live_figures.lag_seconds is
    'Consumer lag: age of the newest stored click or checkout, by its own time. Grows while nothing is stored, also when '
    'nothing is sent.';
comment on column live_figures.watermark is
    'Event time up to which the streaming join is complete. Older events are late: the sink repairs their credits. '
    'Null before the first one.';
comment on column live_figures.late is 'Events stored in the last hour that were older than the watermark.';
comment on column live_figures.refused is
    'Events that became dead letters in the last hour, each with its reason and its bytes.';
comment on column live_figures.refunds is 'Refunds that were stored in the last hour.';
comment on column live_figures.conflicts is
    'Events of the last hour under the id of a stored event, with other content. The stored event stands.';
comment on column live_figures.repaired is 'Events of the last hour that needed a repair to be accepted.';

-- Paths for credits of a selection of checkouts, which the sums by day cannot tell apart.
create view credit_paths as
select checkout_id, checkout_timestamp, day, currency, digits, gross, net, is_new_customer, touches, traffic_ids,
       touch_times, decayed, all_decayed, channel_touches, channels, channel_multiple, last_non_direct, product_touch,
       first_click_id
  from checkout_paths;

comment on view credit_paths is
    'Checkouts without test orders, with their touches in order and all that the credits depend on, as of the last refresh.';
comment on column credit_paths.checkout_id is 'The checkout.';
comment on column credit_paths.checkout_timestamp is 'Its time.';
comment on column credit_paths.day is 'Its day, in UTC.';
comment on column credit_paths.currency is 'Currency of the amounts.';
comment on column credit_paths.digits is 'Decimals of the smallest unit in which the amounts are divided.';
comment on column credit_paths.gross is 'Amount before refunds.';
comment on column credit_paths.net is 'Amount after refunds.';
comment on column credit_paths.is_new_customer is 'The first checkout of its user.';
comment on column credit_paths.touches is 'Number of touches.';
comment on column credit_paths.traffic_ids is 'Traffic of the touches, as in traffic_channels, in their order: step 1 is the first touch.';
comment on column credit_paths.touch_times is 'Times of the touches.';
comment on column credit_paths.decayed is 'Weights of the touches in time_decay, in units of 1e-12.';
comment on column credit_paths.all_decayed is 'Their sum.';
comment on column credit_paths.channel_touches is 'For each touch, the number of touches by its channel.';
comment on column credit_paths.channels is 'Number of distinct channels.';
comment on column credit_paths.channel_multiple is 'A common multiple of all channel_touches.';
comment on column credit_paths.last_non_direct is 'Position of the last touch that is not direct; of the last one when all are.';
comment on column credit_paths.product_touch is
    'Position of the first touch of a product in the order; null without one.';
comment on column credit_paths.first_click_id is 'The first touch.';

comment on view all_credits is 'Credits of all models, by day and currency.';
comment on column all_credits.day is 'Day of the checkouts, in UTC.';
comment on column all_credits.currency is 'Currency of the amounts.';
comment on column all_credits.model is 'The model.';
comment on column all_credits.channel is 'The credited channel; (unattributed) for checkouts without a touch.';
comment on column all_credits.campaign is 'The credited campaign; empty when missing.';
comment on column all_credits.conversions is 'Credited checkouts; shares of checkouts add up.';
comment on column all_credits.new_customers is 'Credited first checkouts of their users.';
comment on column all_credits.gross is 'Credited amounts before refunds.';
comment on column all_credits.net is 'Credited amounts after refunds.';

-- The counts of a batch, which the page shows.
comment on column batches.query_id is 'The streaming query; a new checkpoint starts a new one.';
comment on column batches.batch_id is 'Number of the batch in its query.';
comment on column batches.clicks is 'New clicks.';
comment on column batches.checkouts is 'New checkouts.';
comment on column batches.dead_letters is 'New dead letters: refused events, each with its reason and its bytes.';
comment on column batches.credits is 'Checkouts that got a click, or an earlier one.';
comment on column batches.late is 'New events that were older than the watermark.';
comment on column batches.unknown_fields is 'Fields of events that the schemas do not have.';
comment on column batches.first_click is 'Earliest time of a click.';
comment on column batches.last_click is 'Latest time of a click.';
comment on column batches.first_checkout is 'Earliest time of a checkout.';
comment on column batches.last_checkout is 'Latest time of a checkout.';
comment on column batches.watermark is
    'Event time up to which the streaming join was complete before the batch; 1970-01-01 before the first event.';
comment on column batches.began_at is 'Start of the transaction that wrote the batch; its rows have it as ingested_at.';
comment on column batches.committed_at is 'End of that transaction, as its last statement saw it.';

grant select on live_figures, credit_paths, all_credits to pipeline_analyst;
