"""SQL of the live page. Each statement is bounded by time and an index, so it is as fast on large tables."""

from typing import LiteralString

NEWEST: LiteralString = """
select began_at, committed_at, clock_timestamp() from batches order by began_at desc limit 1
"""

BATCHES: LiteralString = """
select query_id, batch_id, began_at, committed_at, clicks + checkouts + refunds, refunds, dead_letters, late, conflicts,
       repaired, nullif(watermark, 'epoch'), greatest(last_click, last_checkout)
  from batches
 where began_at > %(after)s
 order by began_at
"""

# Number of checkouts by milliseconds from acceptance to commit, for each new batch. Only the time of the event has an
# index. A checkout that is not late is no older than the watermark of its batch.
LATENCIES: LiteralString = """
select b.committed_at, greatest(0, round(1000 * extract(epoch from b.committed_at - k.arrived_at)))::bigint, count(*)
  from raw_checkouts k
  join batches b on b.began_at = k.ingested_at
 where k.checkout_timestamp >= %(watermark)s and not k.late and b.began_at > %(after)s
 group by 1, 2
"""

CHECKOUTS: LiteralString = """
select k.slot, k.credited, k.source, k.medium, k.campaign, k.referrer_host, k.currency, k.checkouts,
       k.amount * case when k.currency = s.reporting_currency then 1
                       else (select r.rate from exchange_rates r
                              where r.currency = k.currency
                                and r.day <= (to_timestamp(k.slot * 5) at time zone 'UTC')::date
                              order by r.day desc limit 1) end
  from (
       select floor(extract(epoch from a.checkout_timestamp) / 5)::bigint as slot, a.click_id is not null as credited,
              coalesce(a.utm_source, '') as source, coalesce(a.utm_medium, '') as medium,
              coalesce(a.utm_campaign, '') as campaign, referrer_host(c.referrer) as referrer_host,
              a.currency, count(*) as checkouts, sum(a.total_amount) as amount
         from attributed_checkouts a
         left join raw_clicks c
           on c.click_id = a.click_id and c.click_timestamp = a.click_timestamp
          and c.click_timestamp >= to_timestamp(%(first_slot)s * 5) - interval '1 hour'
        where a.checkout_timestamp >= to_timestamp(%(first_slot)s * 5) and not a.test
        group by 1, 2, 3, 4, 5, 6, 7
       ) k
 cross join analytics_settings s
"""

CHANNELS: LiteralString = """
select l.position, channel_of(l.source, l.medium, l.campaign, l.referrer_host)
  from unnest(%(sources)s::text[], %(media)s::text[], %(campaigns)s::text[], %(referrers)s::text[])
       with ordinality l (source, medium, campaign, referrer_host, position)
"""

TICKER: LiteralString = """
select a.checkout_timestamp, coalesce(c.product_id, substring(c.page_url from '^[^?#]*')),
       extract(epoch from a.checkout_timestamp - a.click_timestamp)::float8, coalesce(a.utm_source, ''),
       coalesce(a.utm_medium, ''), coalesce(a.utm_campaign, ''), referrer_host(c.referrer), a.total_amount, a.currency
  from attributed_checkouts a
  left join raw_clicks c
    on c.click_id = a.click_id and c.click_timestamp = a.click_timestamp
   and c.click_timestamp >= to_timestamp(%(first_slot)s * 5) - interval '1 hour'
 where a.checkout_timestamp >= to_timestamp(%(first_slot)s * 5) and a.click_id is not null and not a.test
 order by a.checkout_timestamp desc, a.checkout_id
 limit 20
"""

DEFINITIONS: LiteralString = """
select a.attname, col_description(a.attrelid, a.attnum), (select reporting_currency from analytics_settings)
  from pg_attribute a
 where a.attrelid = 'live_figures'::regclass and a.attnum > 0
"""
