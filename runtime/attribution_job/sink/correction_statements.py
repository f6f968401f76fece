"""SQL statements for events received again: revised and cancelled checkouts, and conflicts.

They run after the raw rows of the micro-batch are inserted, and only in batches with duplicates. `statements` describes
the properties that all statements share.
"""

from typing import LiteralString

# Applies the highest revision of each staged checkout, and cancellations. Stored user and times stay. Credits of this
# batch are merged later, and read the revised rows.
REVISE_CHECKOUTS = """
with received as (
    select distinct on (checkout_id)
           checkout_id, revision, total_amount, currency, session_id, payment_method, items, test,
           bool_or(cancelled) over (partition by checkout_id) as cancelled
      from staged_checkouts
     order by checkout_id, revision desc, arrived_at, sequence_number, record_index
),
changed as (
    select r.checkout_id, k.user_id, k.total_amount as former_amount, k.test as former_test,
           k.cancelled or r.cancelled as cancelled, standing.*
      from received r
     -- The lateral joins force one primary key lookup for each id. Staging tables have no statistics.
     cross join lateral (select * from raw_checkouts where checkout_id = r.checkout_id limit 1) k
     cross join lateral (
           select * from (values
               (r.revision, false, r.total_amount, r.currency, r.session_id, r.payment_method, r.items, r.test),
               (k.revision, true, k.total_amount, k.currency::text, k.session_id, k.payment_method, k.items, k.test)
           ) v (revision, stored, total_amount, currency, session_id, payment_method, items, test)
           order by revision desc, stored desc limit 1
           ) standing
     where not standing.stored or r.cancelled and not k.cancelled
),
revised as (
    update raw_checkouts k
       set (revision, cancelled, total_amount, currency, session_id, payment_method, items, test)
         = (c.revision, c.cancelled, c.total_amount, c.currency, c.session_id, c.payment_method, c.items, c.test),
           -- Analytics finds changed rows by their transaction.
           written_in = pg_current_xact_id()::text::bigint
      from changed c
     where k.checkout_id = c.checkout_id
),
credits as (
    update attributed_checkouts a
       set total_amount = c.total_amount, currency = c.currency, test = c.test, updated_at = now()
      from changed c
     where a.checkout_id = c.checkout_id
       and (a.total_amount, a.currency::text, a.test) is distinct from (c.total_amount, c.currency, c.test)
),
buyers as (
    update users u
       set order_count = u.order_count + difference.orders, lifetime_value = u.lifetime_value + difference.value
      from (
           select user_id, sum(former_test::int - test::int) as orders,
                  sum(case when test then 0 else total_amount end
                      - case when former_test then 0 else former_amount end) as value
             from changed
            group by user_id
           ) difference
     where u.user_id = difference.user_id and (difference.orders, difference.value) <> (0, 0)
)
select count(*) from changed
"""

# Conflicts are found by what the events state. A corrected time depends on the arrival, so the stated time is compared.
# Amounts are kept as text, because many readers of JSON round numbers. Events that were stored before migration 10 are
# not compared: an older contract read them, which left fields out.

# Of one day.
STAGE_CLICK_CONFLICTS = """
insert into staged_conflicts
select 'click', s.click_id,
       jsonb_strip_nulls(to_jsonb(s) - array['stated_timestamp', 'repairs', 'arrived_at',
                                             'sequence_number', 'record_index', 'unknown_fields'])
       || jsonb_build_object('click_timestamp', to_char(
              coalesce(s.stated_timestamp, s.click_timestamp) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
          )),
       s.sequence_number, s.record_index, s.arrived_at
  from staged_clicks s
 cross join lateral (
       select *
         from raw_clicks
        where click_id = s.click_id and click_timestamp >= %(day_begins)s and click_timestamp < %(day_ends)s
        limit 1
       ) r
 where s.click_timestamp >= %(day_begins)s and s.click_timestamp < %(day_ends)s
   and (s.user_id, coalesce(s.stated_timestamp, s.click_timestamp), s.session_id, s.product_id, s.page_url,
        s.utm_source, s.utm_medium, s.utm_campaign, s.device_type, s.referrer, s.experiment_id, s.variant, s.is_bot)
       is distinct from
       (r.user_id, coalesce(r.stated_timestamp, r.click_timestamp), r.session_id, r.product_id, r.page_url,
        r.utm_source, r.utm_medium, r.utm_campaign, r.device_type, r.referrer, r.experiment_id, r.variant, r.is_bot)
   and r.ingested_at > (select applied_at from schema_migrations where number = 10)
"""

STAGE_REFUND_CONFLICTS = """
insert into staged_conflicts
select 'refund', s.refund_id,
       jsonb_strip_nulls(to_jsonb(s) - array['stated_timestamp', 'repairs', 'arrived_at',
                                             'sequence_number', 'record_index', 'unknown_fields'])
       || jsonb_build_object('amount', s.amount::text, 'refund_timestamp', to_char(
              coalesce(s.stated_timestamp, s.refund_timestamp) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
          )),
       s.sequence_number, s.record_index, s.arrived_at
  from staged_refunds s
 cross join lateral (select * from raw_refunds where refund_id = s.refund_id limit 1) r
 where (s.checkout_id, s.user_id, coalesce(s.stated_timestamp, s.refund_timestamp), s.amount, s.currency)
       is distinct from
       (r.checkout_id, r.user_id, coalesce(r.stated_timestamp, r.refund_timestamp), r.amount, r.currency::text)
"""

# Compares each checkout with the one that stood when it arrived, if both have the same revision. Runs before
# REVISE_CHECKOUTS, when the stored row is either that of an earlier batch or the first one of this batch. User and time
# belong to the content of revision 0 only, because a revision does not change them.
STAGE_CHECKOUT_CONFLICTS = """
insert into staged_conflicts
with repeated as (
    select k.*
      from (select checkout_id, count(*) as events from staged_checkouts group by checkout_id) s
     cross join lateral (select * from raw_checkouts where checkout_id = s.checkout_id limit 1) k
     where (s.events > 1 or k.ingested_at < %(began_at)s)
       and k.ingested_at > (select applied_at from schema_migrations where number = 10)
),
event as (
    select s.checkout_id, s.revision, false as stored, coalesce(s.stated_timestamp, s.checkout_timestamp) as at,
           s.total_amount::text as amount, s.sequence_number, s.record_index, s.arrived_at,
           to_jsonb(s) as fields
      from staged_checkouts s join repeated using (checkout_id)
     union all
    select checkout_id, revision, true, coalesce(stated_timestamp, checkout_timestamp), total_amount::text,
           null, null, null, to_jsonb(k)
      from repeated k
),
stating as (
    select event.*,
           jsonb_strip_nulls(fields - array['stated_timestamp', 'cancelled', 'repairs', 'arrived_at',
                                            'sequence_number', 'record_index', 'unknown_fields', 'ingested_at', 'late',
                                            'written_in'])
           || jsonb_build_object('total_amount', amount, 'checkout_timestamp',
                                 to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) as content
      from event
),
compared as (
    select *, content - case when revision > 0 then array['user_id', 'checkout_timestamp'] else '{}' end as revised
      from stating
),
ranked as (
    select *,
           max(revision) over (partition by checkout_id order by stored desc, arrived_at, sequence_number, record_index
                               rows unbounded preceding) as standing_revision,
           first_value(revised) over (partition by checkout_id, revision
                                      order by stored desc, arrived_at, sequence_number, record_index) as standing
      from compared
)
select 'checkout', checkout_id, content, sequence_number, record_index, arrived_at
  from ranked
 where not stored and revision = standing_revision and revised <> standing
"""

STAGE_CONFLICTS: dict[str, LiteralString] = {
    "click": STAGE_CLICK_CONFLICTS,
    "checkout": STAGE_CHECKOUT_CONFLICTS,
    "refund": STAGE_REFUND_CONFLICTS,
}

STORE_CONFLICTS = """
insert into conflicts (event_kind, event_id, content_digest, content, sequence_number, record_index,
                       arrived_at, ingested_at)
select distinct on (event_kind, event_id, content_digest)
       event_kind, event_id, content_digest, content, sequence_number, record_index, arrived_at, %(began_at)s
  from staged_conflicts
 cross join lateral (select encode(sha256(convert_to(content::text, 'UTF8')), 'hex')) digest (content_digest)
 order by event_kind, event_id, content_digest, arrived_at, sequence_number, record_index
    on conflict do nothing
returning event_id
"""
