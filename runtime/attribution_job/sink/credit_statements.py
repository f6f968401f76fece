"""SQL statements that credit checkouts, for both places of the join. They run after the raw rows are stored.

`statements` describes the parameters and the properties that all statements share.
"""

from typing import LiteralString

from runtime.attribution_job.join.rule import Join

# Of one day. A click that another query received in time can be late for this query, whose join has dropped it then.
MARK_LATE = """
update raw_clicks
   set late = true
  from staged_clicks s
 where raw_clicks.click_id = s.click_id and not raw_clicks.late and raw_clicks.click_timestamp < %(watermark)s
   and raw_clicks.click_timestamp >= %(day_begins)s and raw_clicks.click_timestamp < %(day_ends)s
   and s.click_timestamp >= %(day_begins)s and s.click_timestamp < %(day_ends)s
"""

# The first and last time of the batch's checkouts on each of their days. A stored checkout keeps its time.
CREDIT_BOUNDS = """
select min(checkout_timestamp), max(checkout_timestamp)
  from (
       select checkout_timestamp from staged_checkouts
        union all
       select k.checkout_timestamp
         from (select checkout_id from staged_checkouts union select checkout_id from staged_credits) named
        cross join lateral (
              select checkout_timestamp from raw_checkouts where checkout_id = named.checkout_id limit 1
              ) k
       ) checkout
 group by date_trunc('day', checkout_timestamp, 'UTC')
 order by 1
"""

# Merges a credit into the stored row. The earliest click wins, and so the order of merges does not matter.
EARLIEST_WINS = """\
        on conflict (checkout_id) do update
       set click_id = excluded.click_id,
           click_timestamp = excluded.click_timestamp,
           utm_source = excluded.utm_source,
           utm_medium = excluded.utm_medium,
           utm_campaign = excluded.utm_campaign,
           updated_at = now()
     where a.click_id is null and excluded.click_id is not null
        or (excluded.click_timestamp, excluded.click_id) < (a.click_timestamp, a.click_id)
    returning a.click_id
)
select count(*) from merged where click_id is not null
"""

# Of one day. Adds a row for each new checkout, credited or not, and merges credits into the rows of earlier checkouts.
MERGE_CREDITS: LiteralString = (
    """
with named as (
    select checkout_id from staged_checkouts union select checkout_id from staged_credits
),
merged as (
    insert into attributed_checkouts as a (checkout_id, user_id, checkout_timestamp, total_amount, currency,
                                           test, click_id, click_timestamp, utm_source, utm_medium, utm_campaign)
    select distinct on (k.checkout_id)
           k.checkout_id, k.user_id, k.checkout_timestamp, k.total_amount, k.currency, k.test,
           coalesce(c.click_id, first.click_id) as click_id,
           coalesce(c.click_timestamp, first.click_timestamp) as click_timestamp,
           coalesce(c.utm_source, first.utm_source),
           coalesce(c.utm_medium, first.utm_medium),
           coalesce(c.utm_campaign, first.utm_campaign)
      from named
      join raw_checkouts k using (checkout_id)
      left join staged_credits using (checkout_id)
      -- The lateral joins force one index lookup for each credit. Staging tables have no statistics, and a plain join
      -- could scan all clicks.
      left join lateral (
           select click_id, user_id, click_timestamp, utm_source, utm_medium, utm_campaign
             from raw_clicks
            where click_id = staged_credits.click_id and click_timestamp = staged_credits.click_timestamp and not is_bot
              and click_timestamp between %(first_touch)s::timestamptz and %(last_at)s::timestamptz
            limit 1
           ) c
        on c.user_id = k.user_id
       and c.click_timestamp between k.checkout_timestamp - interval '1 hour' and k.checkout_timestamp
      -- The credit does not fit when Spark joined an event that was not stored: a revision with another time or user,
      -- or another event under a stored id. Spark kept this credit instead of a later one that may fit.
      left join lateral (
           select click_id, click_timestamp, utm_source, utm_medium, utm_campaign
             from raw_clicks
            where staged_credits.click_id is not null and c.click_id is null
              and user_id = k.user_id and not is_bot
              and click_timestamp between k.checkout_timestamp - interval '1 hour' and k.checkout_timestamp
              and click_timestamp between %(first_touch)s::timestamptz and %(last_at)s::timestamptz
            order by click_timestamp, click_id
            limit 1
           ) first on true
     where k.checkout_timestamp between %(first_at)s and %(last_at)s
     order by k.checkout_id, click_timestamp, click_id
"""
    + EARLIEST_WINS
)

# Repairs the checkouts for which the streaming join may have missed a click:
# - late checkouts of this batch;
# - checkouts in the hour after a late click of this batch;
# - checkouts of this batch in the hour after a late click of any batch;
# - pairs of an event of this batch and an event that only another query received: they can concern checkouts of this
#   batch up to an hour after `unseen_until`, and clicks of this batch up to `unseen_until`.
# Late clicks are looked up one checkout at a time and with a limit, because a robot can have very many.
REPAIR_LATE = """
select attribute(array(
    select checkout_id from staged_checkouts
     where checkout_timestamp < %(watermark)s or checkout_timestamp <= %(unseen_until)s::timestamptz + interval '1 hour'
     union
    select k.checkout_id
      from staged_clicks c
      join raw_checkouts k
        on k.user_id = c.user_id
       and k.checkout_timestamp between c.click_timestamp and c.click_timestamp + interval '1 hour'
     where not c.is_bot
       and (c.click_timestamp < %(watermark)s or c.click_timestamp <= %(unseen_until)s::timestamptz)
     union
    select checkout_id
      from staged_checkouts k
     where (
           select c.late
             from raw_clicks c
            where c.late and c.user_id = k.user_id
              and c.click_timestamp between k.checkout_timestamp - interval '1 hour' and k.checkout_timestamp
              and c.click_timestamp between %(first_touch)s::timestamptz and %(last_at)s::timestamptz
            limit 1
           )
))
"""

# Of one day. Credits each checkout of the batch to its first click among all stored clicks, which include those of the
# batch.
CREDIT_CHECKOUTS: LiteralString = (
    """
with merged as (
    insert into attributed_checkouts as a (checkout_id, user_id, checkout_timestamp, total_amount, currency,
                                           test, click_id, click_timestamp, utm_source, utm_medium, utm_campaign)
    select k.checkout_id, k.user_id, k.checkout_timestamp, k.total_amount, k.currency, k.test,
           first.click_id, first.click_timestamp, first.utm_source, first.utm_medium, first.utm_campaign
      from (select distinct checkout_id from staged_checkouts) staged
      join raw_checkouts k using (checkout_id)
      left join lateral (
           select click_id, click_timestamp, utm_source, utm_medium, utm_campaign
             from raw_clicks c
            where c.user_id = k.user_id and not c.is_bot
              and c.click_timestamp between k.checkout_timestamp - interval '1 hour' and k.checkout_timestamp
              and c.click_timestamp between %(first_touch)s::timestamptz and %(last_at)s::timestamptz
            order by click_timestamp, click_id
            limit 1
           ) first on true
     where k.checkout_timestamp between %(first_at)s and %(last_at)s
     order by k.checkout_id
"""
    + EARLIEST_WINS
)

# Corrects checkouts of earlier batches that a click of this batch precedes. Most clicks are later than every stored
# checkout, and the condition on `last_known_checkout` skips them.
CORRECT_EARLIER = """
select attribute(array(
    select distinct k.checkout_id
      from staged_clicks c
      join raw_checkouts k
        on k.user_id = c.user_id
       and k.checkout_timestamp between c.click_timestamp and c.click_timestamp + interval '1 hour'
     where not c.is_bot and c.click_timestamp <= %(last_known_checkout)s
))
"""

# The statements in execution order, by the place of the join: one for the checkouts of each day, and one for all.
OF_DAY: dict[Join, LiteralString] = {"spark": MERGE_CREDITS, "postgres": CREDIT_CHECKOUTS}
OF_ALL_DAYS: dict[Join, LiteralString] = {"spark": REPAIR_LATE, "postgres": CORRECT_EARLIER}
