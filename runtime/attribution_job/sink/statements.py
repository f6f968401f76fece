"""SQL statements of one micro-batch, in execution order, for one transaction.

All statements are idempotent and independent of the order of batches. Rows are written in key order, which avoids
deadlocks between writers. Parameters are `query_id`, `batch_id` and the columns of `history.HISTORY`, such as:

- `watermark`: earlier events are late;
- `unseen_until`: up to this time there may be stored events that the query never received;
- `last_known_checkout`: time of the latest stored checkout;
- `began_at`: start of the batch, which all its rows have as `ingested_at`, in whatever transaction they are written.

A statement that reads `raw_clicks` has parameters that limit the time: `day_begins` and `day_ends` (`days.bounds`), or
`first_touch` and `last_at`, from an hour before the first checkout of a day to the last. The planner opens only the
partitions in between. It has to know the values for that, so these statements are not prepared.
"""

from typing import LiteralString

# Like the query of `history`, which reads both tables, this lock lets erase_user() wait for the transaction, or the
# transaction for it. When a slice has stored its rows, a session that waits for one of these tables cannot hold it up.
LOCK_BATCHES = "lock table batches, batch_slices in access share mode"

# As in KNOWN_CLICKS below.
STORED_USERS = """
select checkout_id, stored.user_id
  from unnest(%(ids)s::text[]) as received (checkout_id)
 cross join lateral (
       select user_id from raw_checkouts where raw_checkouts.checkout_id = received.checkout_id collate "C" limit 1
       ) stored
"""

ENSURE_DAYS = "select ensure_click_days(%(days)s::date[])"

# The subquery forces one primary key lookup for each id. A plain join could scan all clicks.
KNOWN_CLICKS = """
select click_id
  from unnest(%(ids)s::text[]) as received (click_id)
 where (
       select true
         from raw_clicks
        where raw_clicks.click_id = received.click_id collate "C"
          and click_timestamp >= %(day_begins)s and click_timestamp < %(day_ends)s
       )
"""

# Null, and so false, for a user without clicks.
FIRST_STAYS = """case
           when (u.first_click_timestamp, u.first_click_id) < (excluded.first_click_timestamp, excluded.first_click_id)
           then """
LAST_STAYS = """case
           when (u.last_click_timestamp, u.last_click_id) > (excluded.last_click_timestamp, excluded.last_click_id)
           then """
# A case for each column takes half the time of subqueries that set several columns.
MERGE_VISITS: LiteralString = (
    """
insert into users as u (user_id, first_seen, last_seen, first_click_timestamp, first_click_id,
                        first_utm_source, first_utm_medium, first_utm_campaign,
                        last_click_timestamp, last_click_id, last_device)
select user_id, first_at, last_at, first_at, first_id, source, medium, campaign, last_at, last_id, device
  from staged_visits
 order by user_id
    on conflict (user_id) do update
   set first_seen = least(u.first_seen, excluded.first_seen),
       last_seen = greatest(u.last_seen, excluded.last_seen),
       first_click_timestamp = least(u.first_click_timestamp, excluded.first_click_timestamp),
       first_click_id = """
    + FIRST_STAYS
    + """u.first_click_id else excluded.first_click_id end,
       first_utm_source = """
    + FIRST_STAYS
    + """u.first_utm_source else excluded.first_utm_source end,
       first_utm_medium = """
    + FIRST_STAYS
    + """u.first_utm_medium else excluded.first_utm_medium end,
       first_utm_campaign = """
    + FIRST_STAYS
    + """u.first_utm_campaign else excluded.first_utm_campaign end,
       last_click_timestamp = greatest(u.last_click_timestamp, excluded.last_click_timestamp),
       last_click_id = """
    + LAST_STAYS
    + """u.last_click_id else excluded.last_click_id end,
       last_device = """
    + LAST_STAYS
    + """u.last_device else excluded.last_device end
"""
)

INSERT_CHECKOUTS = """
with new as (
    insert into raw_checkouts (checkout_id, user_id, session_id, items, total_amount, currency, payment_method,
                               checkout_timestamp, revision, cancelled, test, stated_timestamp, repairs, arrived_at,
                               ingested_at, late)
    select checkout_id, user_id, session_id, items, total_amount, currency, payment_method,
           checkout_timestamp, revision, cancelled, test, stated_timestamp, repairs, arrived_at,
           %(began_at)s, checkout_timestamp < %(watermark)s
      from staged_checkouts
     order by checkout_id, arrived_at, sequence_number, record_index
        on conflict (checkout_id) do nothing
    returning *
),
buyers as (
    insert into users as u (user_id, first_seen, last_seen, order_count, lifetime_value)
    select user_id, min(checkout_timestamp), max(checkout_timestamp),
           count(*) filter (where not test), coalesce(sum(total_amount) filter (where not test), 0)
      from new
     group by user_id
     order by user_id
        on conflict (user_id) do update
       set first_seen = least(u.first_seen, excluded.first_seen),
           last_seen = greatest(u.last_seen, excluded.last_seen),
           order_count = u.order_count + excluded.order_count,
           lifetime_value = u.lifetime_value + excluded.lifetime_value
)
select count(*), count(*) filter (where late), count(repairs) from new
"""

INSERT_REFUNDS = """
with new as (
    insert into raw_refunds (refund_id, checkout_id, user_id, amount, currency, refund_timestamp, stated_timestamp,
                             repairs, arrived_at, ingested_at)
    select refund_id, checkout_id, user_id, amount, currency, refund_timestamp, stated_timestamp, repairs, arrived_at,
           %(began_at)s
      from staged_refunds
     order by refund_id, arrived_at, sequence_number, record_index
        on conflict (refund_id) do nothing
    returning repairs
)
select count(*), 0, count(repairs) from new
"""

INSERT_DEAD_LETTERS = """
with new as (
    insert into dead_letters (stream_name, sequence_number, record_index, partition_key, reason, data, arrived_at,
                              ingested_at)
    select stream_name, sequence_number, record_index, partition_key, reason, data, arrived_at, %(began_at)s
      from staged_dead_letters
     order by stream_name, sequence_number, record_index
        on conflict (stream_name, sequence_number, record_index) do nothing
    returning 1
)
select count(*) from new
"""

LEAVE_SLICE = """
insert into batch_slices (query_id, batch_id, clicks, checkouts, refunds, dead_letters, credits, late, conflicts,
                          revisions, repaired, last_click, last_checkout)
values (%(query_id)s, %(batch_id)s, %(clicks)s, %(checkouts)s, %(refunds)s, %(dead_letters)s, %(credits)s, %(late)s,
        %(conflicts)s, %(revisions)s, %(repaired)s, %(last_click)s, %(last_checkout)s)
"""

# All rows: those of the batch's other slices and of its interrupted attempts, and those of batches that no query has
# finished, because its checkpoint was lost. The last column counts events of this batch only.
TAKE_SLICES = """
with taken as (delete from batch_slices returning *)
select coalesce(sum(clicks), 0)::bigint as clicks,
       coalesce(sum(checkouts), 0)::bigint as checkouts,
       coalesce(sum(refunds), 0)::bigint as refunds,
       coalesce(sum(dead_letters), 0)::bigint as dead_letters,
       coalesce(sum(credits), 0)::bigint as credits,
       coalesce(sum(late), 0)::bigint as late,
       coalesce(sum(conflicts), 0)::bigint as conflicts,
       coalesce(sum(revisions), 0)::bigint as revisions,
       coalesce(sum(repaired), 0)::bigint as repaired,
       coalesce(sum(clicks + checkouts + refunds) filter (
           where query_id = %(query_id)s and batch_id = %(batch_id)s
       ), 0)::bigint as stored
  from taken
"""

# A repeated batch has the same records, and no table shows which records and ignored parts were counted before. Their
# numbers are therefore not added. The other counts are rows that were new.
RECORD_BATCH = """
insert into batches as b (query_id, batch_id, records, clicks, checkouts, refunds, dead_letters, ignored, credits, late,
                          duplicates, conflicts, revisions, repaired, unknown_fields,
                          first_click, last_click, first_checkout, last_checkout, watermark,
                          latest_click, latest_checkout, unseen_until, began_at)
values (%(query_id)s, %(batch_id)s, %(records)s, %(clicks)s, %(checkouts)s, %(refunds)s, %(dead_letters)s, %(ignored)s,
        %(credits)s, %(late)s, %(duplicates)s, %(conflicts)s, %(revisions)s, %(repaired)s, %(unknown_fields)s,
        %(first_click)s, %(last_click)s, %(first_checkout)s, %(last_checkout)s, %(watermark)s,
        greatest(%(last_click)s::timestamptz, %(latest_click)s),
        greatest(%(last_checkout)s::timestamptz, %(latest_checkout)s), %(unseen_until)s, %(began_at)s)
    on conflict (query_id, batch_id) do update
   set records = greatest(b.records, excluded.records),
       clicks = b.clicks + excluded.clicks,
       checkouts = b.checkouts + excluded.checkouts,
       refunds = b.refunds + excluded.refunds,
       dead_letters = b.dead_letters + excluded.dead_letters,
       ignored = greatest(b.ignored, excluded.ignored),
       credits = b.credits + excluded.credits,
       late = b.late + excluded.late,
       duplicates = b.duplicates + excluded.duplicates,
       conflicts = b.conflicts + excluded.conflicts,
       revisions = b.revisions + excluded.revisions,
       repaired = b.repaired + excluded.repaired,
       unknown_fields = b.unknown_fields + excluded.unknown_fields,
       first_click = least(b.first_click, excluded.first_click),
       last_click = greatest(b.last_click, excluded.last_click),
       first_checkout = least(b.first_checkout, excluded.first_checkout),
       last_checkout = greatest(b.last_checkout, excluded.last_checkout),
       latest_click = greatest(b.latest_click, excluded.latest_click),
       latest_checkout = greatest(b.latest_checkout, excluded.latest_checkout),
       unseen_until = greatest(b.unseen_until, excluded.unseen_until)
"""

# A bounded number of names, each written at most once a minute.
NOTE_UNKNOWN_FIELDS = """
insert into unknown_fields as u (event_kind, name, first_seen, last_seen)
select event_kind, name, %(began_at)s, %(began_at)s
  from unnest(%(kinds)s::text[], %(names)s::text[]) received (event_kind, name)
 where exists (select from unknown_fields k where (k.event_kind, k.name) = (received.event_kind, received.name))
    or (select count(*) from unknown_fields) < 1000
 order by event_kind, name
    on conflict (event_kind, name) do update
   set first_seen = least(u.first_seen, excluded.first_seen), last_seen = greatest(u.last_seen, excluded.last_seen)
 where u.last_seen < excluded.last_seen - interval '1 minute' or u.first_seen > excluded.first_seen
"""
