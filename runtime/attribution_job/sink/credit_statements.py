"""How a batch credits: the statements that follow its raw rows, by where the join runs. See `statements`."""

from typing import LiteralString

from runtime.attribution_job.join.rule import Join

# A click that another query received in time can be late for this one, whose join then has not seen it.
MARK_LATE = """
update raw_clicks
   set late = true
  from staged_clicks s
 where raw_clicks.click_id = s.click_id and not raw_clicks.late and raw_clicks.click_timestamp < %(watermark)s
"""

# How a credit is merged into what is there. Earliest wins, so the order of merges does not matter.
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

# Every new checkout gets its row, credited or not; a credit for an older one is merged into it.
MERGE_CREDITS: LiteralString = (
    """
with named as (
    select checkout_id from staged_checkouts union select checkout_id from staged_credits
),
merged as (
    insert into attributed_checkouts as a (checkout_id, user_id, checkout_timestamp, total_amount, currency,
                                           click_id, click_timestamp, utm_source, utm_medium, utm_campaign)
    select distinct on (k.checkout_id)
           k.checkout_id, k.user_id, k.checkout_timestamp, k.total_amount, k.currency,
           c.click_id, c.click_timestamp, c.utm_source, c.utm_medium, c.utm_campaign
      from named
      join raw_checkouts k using (checkout_id)
      left join staged_credits using (checkout_id)
      -- One look into the index for each credit: of staged rows there are no statistics, and a plain join can read
      -- all clicks.
      left join lateral (
           select click_id, user_id, click_timestamp, utm_source, utm_medium, utm_campaign
             from raw_clicks
            where click_id = staged_credits.click_id
            limit 1
           ) c
        -- Under one id the first event stands; a credit to a twin that was not kept is none.
        on c.user_id = k.user_id
       and c.click_timestamp between k.checkout_timestamp - interval '1 hour' and k.checkout_timestamp
     order by k.checkout_id, c.click_timestamp, c.click_id
"""
    + EARLIEST_WINS
)

# What the streaming join cannot have seen: late checkouts, checkouts in the hour after a late click of this
# batch, and checkouts of this batch in the hour after a late click of any batch. And pairs of an event of this batch
# and one that only another query received: checkouts until an hour after the latest of these, clicks until the latest.
# Late clicks are looked for one checkout at a time, because a robot can have very many.
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
     where c.click_timestamp < %(watermark)s or c.click_timestamp <= %(unseen_until)s::timestamptz
     union
    select checkout_id
      from staged_checkouts k
     where (
           select c.late
             from raw_clicks c
            where c.late and c.user_id = k.user_id
              and c.click_timestamp between k.checkout_timestamp - interval '1 hour' and k.checkout_timestamp
            limit 1
           )
))
"""

# Every checkout of the batch, with its first click among all that are known, those of the batch included.
CREDIT_CHECKOUTS: LiteralString = (
    """
with merged as (
    insert into attributed_checkouts as a (checkout_id, user_id, checkout_timestamp, total_amount, currency,
                                           click_id, click_timestamp, utm_source, utm_medium, utm_campaign)
    select k.checkout_id, k.user_id, k.checkout_timestamp, k.total_amount, k.currency,
           first.click_id, first.click_timestamp, first.utm_source, first.utm_medium, first.utm_campaign
      from (select distinct checkout_id from staged_checkouts) staged
      join raw_checkouts k using (checkout_id)
      left join lateral (
           select click_id, click_timestamp, utm_source, utm_medium, utm_campaign
             from raw_clicks c
            where c.user_id = k.user_id
              and c.click_timestamp between k.checkout_timestamp - interval '1 hour' and k.checkout_timestamp
            order by click_timestamp, click_id
            limit 1
           ) first on true
     order by k.checkout_id
"""
    + EARLIEST_WINS
)

# Checkouts of earlier batches that clicks of this one come before. Most clicks are younger than any of them.
CORRECT_EARLIER = """
select attribute(array(
    select distinct k.checkout_id
      from staged_clicks c
      join raw_checkouts k
        on k.user_id = c.user_id
       and k.checkout_timestamp between c.click_timestamp and c.click_timestamp + interval '1 hour'
     where c.click_timestamp <= %(last_known_checkout)s
))
"""

# What follows the raw rows, by where the join runs.
CREDIT: dict[Join, tuple[LiteralString, ...]] = {
    "spark": (MERGE_CREDITS, REPAIR_LATE),
    "postgres": (CREDIT_CHECKOUTS, CORRECT_EARLIER),
}
