"""SQL statements of one micro-batch, in execution order, for one transaction.

All statements are idempotent and independent of the order of batches. Rows are written in key order, which avoids
deadlocks between writers. Parameters are `query_id`, `batch_id` and the columns of `history.HISTORY`, such as:

- `watermark`: earlier events are late;
- `unseen_until`: up to this time there may be stored events that the query never received;
- `last_known_checkout`: time of the latest stored checkout.
"""

STAGE = """
create temporary table if not exists staged_clicks (
    click_id text collate "C", user_id text collate "C", click_timestamp timestamptz, session_id text,
    product_id text, page_url text, utm_source text, utm_medium text, utm_campaign text, device_type text,
    arrived_at timestamptz, sequence_number text collate "C", unknown_fields bigint
) on commit delete rows;
create temporary table if not exists staged_visits (
    user_id text collate "C", first_at timestamptz, first_id text collate "C", source text, medium text, campaign text,
    last_at timestamptz, last_id text collate "C", device text
) on commit delete rows;
create temporary table if not exists staged_checkouts (
    checkout_id text collate "C", user_id text collate "C", checkout_timestamp timestamptz,
    total_amount numeric(12, 2), currency text, session_id text, payment_method text, items jsonb,
    arrived_at timestamptz, sequence_number text collate "C", unknown_fields bigint
) on commit delete rows;
create temporary table if not exists staged_dead_letters (
    stream_name text, sequence_number text, partition_key text, reason text, data bytea, arrived_at timestamptz
) on commit delete rows;
create temporary table if not exists staged_credits (
    checkout_id text collate "C", click_id text collate "C", click_timestamp timestamptz
) on commit delete rows;
"""

# The subquery forces one primary key lookup for each id. A plain join could scan all clicks.
KNOWN_CLICKS = """
select click_id
  from unnest(%(ids)s::text[]) as received (click_id)
 where (select true from raw_clicks where raw_clicks.click_id = received.click_id collate "C")
"""

MERGE_VISITS = """
insert into users as u (user_id, first_seen, last_seen, first_click_timestamp, first_click_id,
                        first_utm_source, first_utm_medium, first_utm_campaign,
                        last_click_timestamp, last_click_id, last_device)
select user_id, first_at, last_at, first_at, first_id, source, medium, campaign, last_at, last_id, device
  from staged_visits
 order by user_id
    on conflict (user_id) do update
   set first_seen = least(u.first_seen, excluded.first_seen),
       last_seen = greatest(u.last_seen, excluded.last_seen),
       (first_click_timestamp, first_click_id, first_utm_source, first_utm_medium, first_utm_campaign) = (
           select f.* from (values
               (u.first_click_timestamp, u.first_click_id,
                u.first_utm_source, u.first_utm_medium, u.first_utm_campaign),
               (excluded.first_click_timestamp, excluded.first_click_id,
                excluded.first_utm_source, excluded.first_utm_medium, excluded.first_utm_campaign)
           ) f (at, id, source, medium, campaign)
           order by at, id collate "C" limit 1),
       (last_click_timestamp, last_click_id, last_device) = (
           select l.* from (values
               (u.last_click_timestamp, u.last_click_id, u.last_device),
               (excluded.last_click_timestamp, excluded.last_click_id, excluded.last_device)
           ) l (at, id, device)
           order by at desc nulls last, id collate "C" desc limit 1)
"""

INSERT_CHECKOUTS = """
with new as (
    insert into raw_checkouts (checkout_id, user_id, session_id, items, total_amount, currency, payment_method,
                               checkout_timestamp, arrived_at, late)
    select checkout_id, user_id, session_id, items, total_amount, currency, payment_method,
           checkout_timestamp, arrived_at, checkout_timestamp < %(watermark)s
      from staged_checkouts
     order by checkout_id, sequence_number
        on conflict (checkout_id) do nothing
    returning *
),
buyers as (
    insert into users as u (user_id, first_seen, last_seen, order_count, lifetime_value)
    select user_id, min(checkout_timestamp), max(checkout_timestamp), count(*), sum(total_amount)
      from new
     group by user_id
     order by user_id
        on conflict (user_id) do update
       set first_seen = least(u.first_seen, excluded.first_seen),
           last_seen = greatest(u.last_seen, excluded.last_seen),
           order_count = u.order_count + excluded.order_count,
           lifetime_value = u.lifetime_value + excluded.lifetime_value
)
select count(*), count(*) filter (where late) from new
"""

INSERT_DEAD_LETTERS = """
with new as (
    insert into dead_letters (stream_name, sequence_number, partition_key, reason, data, arrived_at)
    select stream_name, sequence_number, partition_key, reason, data, arrived_at
      from staged_dead_letters
     order by stream_name, sequence_number
        on conflict (stream_name, sequence_number) do nothing
    returning 1
)
select count(*) from new
"""

# Ids of duplicates whose content differs from the stored event. The stored event is kept, and the ids are logged.
CONFLICTS = """
select click_id from staged_clicks s join raw_clicks r using (click_id)
 where (s.user_id, s.click_timestamp) is distinct from (r.user_id, r.click_timestamp)
 union
select checkout_id from staged_checkouts s join raw_checkouts r using (checkout_id)
 where (s.user_id, s.checkout_timestamp, s.total_amount, s.currency)
       is distinct from (r.user_id, r.checkout_timestamp, r.total_amount, r.currency::text)
"""

RECORD_BATCH = """
insert into batches as b (query_id, batch_id, clicks, checkouts, dead_letters, credits, late, duplicates,
                          unknown_fields, first_click, last_click, first_checkout, last_checkout, watermark,
                          latest_click, latest_checkout, unseen_until)
values (%(query_id)s, %(batch_id)s, %(clicks)s, %(checkouts)s, %(dead_letters)s, %(credits)s, %(late)s,
        %(duplicates)s, %(unknown_fields)s, %(first_click)s, %(last_click)s, %(first_checkout)s, %(last_checkout)s,
        %(watermark)s, greatest(%(last_click)s::timestamptz, %(latest_click)s),
        greatest(%(last_checkout)s::timestamptz, %(latest_checkout)s), %(unseen_until)s)
    on conflict (query_id, batch_id) do update
   set clicks = b.clicks + excluded.clicks,
       checkouts = b.checkouts + excluded.checkouts,
       dead_letters = b.dead_letters + excluded.dead_letters,
       credits = b.credits + excluded.credits,
       late = b.late + excluded.late,
       duplicates = b.duplicates + excluded.duplicates,
       unknown_fields = b.unknown_fields + excluded.unknown_fields,
       first_click = least(b.first_click, excluded.first_click),
       last_click = greatest(b.last_click, excluded.last_click),
       first_checkout = least(b.first_checkout, excluded.first_checkout),
       last_checkout = greatest(b.last_checkout, excluded.last_checkout),
       latest_click = greatest(b.latest_click, excluded.latest_click),
       latest_checkout = greatest(b.latest_checkout, excluded.latest_checkout),
       unseen_until = greatest(b.unseen_until, excluded.unseen_until)
"""
