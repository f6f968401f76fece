-- Robots' clicks get no credit, net amounts, an account of all events by hour, and an erasure of the new tables.

create or replace function attribute(checkout_ids text[]) returns bigint
language sql
set search_path from current
as $$
    with merged as (
        update attributed_checkouts a
           set click_id = first.click_id,
               click_timestamp = first.click_timestamp,
               utm_source = first.utm_source,
               utm_medium = first.utm_medium,
               utm_campaign = first.utm_campaign,
               updated_at = now()
          from (
               select checkout_id, click.*
                 from (select * from raw_checkouts where checkout_id = any (checkout_ids) order by checkout_id) checkout
                cross join lateral (
                      select click_id, click_timestamp, utm_source, utm_medium, utm_campaign
                        from raw_clicks
                       where raw_clicks.user_id = checkout.user_id
                         and not raw_clicks.is_bot
                         and raw_clicks.click_timestamp
                             between checkout.checkout_timestamp - interval '1 hour' and checkout.checkout_timestamp
                       order by click_timestamp, click_id
                       limit 1
                      ) click
               ) first
         where a.checkout_id = first.checkout_id
           -- Earliest wins, also against a writer that commits while this one waits for the row.
           and (a.click_id is null or (first.click_timestamp, first.click_id) < (a.click_timestamp, a.click_id))
        returning a.checkout_id
    )
    select count(*) from merged
$$;

-- Refunds are looked up by checkout, so that a query for a range of time does not add up the refunds of all time.
create view net_checkouts as
select a.checkout_id,
       a.user_id,
       a.checkout_timestamp,
       a.currency,
       a.total_amount as gross_amount,
       case when k.cancelled then a.total_amount else least(a.total_amount, stated.refunds) end as refunded_amount,
       greatest(stated.refunds - a.total_amount, 0) as excess_refund,
       case when k.cancelled then 0 else a.total_amount - least(a.total_amount, stated.refunds) end as net_amount,
       k.cancelled,
       a.click_id,
       a.utm_source,
       a.utm_medium,
       a.utm_campaign
  from attributed_checkouts a
  join raw_checkouts k using (checkout_id)
 cross join lateral (
       select coalesce(sum(r.amount), 0) as refunds
         from raw_refunds r
        where r.checkout_id = a.checkout_id and r.currency = a.currency
       ) stated
 where not a.test;

comment on view net_checkouts is
    'Checkouts with what remains of their amount after refunds and cancellations, and the channel of their first click.
Test orders are left out. Amounts are in the currency of the checkout; a refund in another currency is not subtracted.';
comment on column net_checkouts.checkout_id is 'Id of the checkout.';
comment on column net_checkouts.user_id is 'The buyer.';
comment on column net_checkouts.checkout_timestamp is 'Time of the checkout; refunds count at this time too.';
comment on column net_checkouts.currency is 'Currency of all amounts of the row.';
comment on column net_checkouts.gross_amount is 'Amount of the highest revision, before refunds.';
comment on column net_checkouts.refunded_amount is
    'Sum of the refunds, at most the gross amount; all of it when the order is cancelled.';
comment on column net_checkouts.excess_refund is 'Refunds beyond the gross amount, which are not subtracted.';
comment on column net_checkouts.net_amount is 'Gross amount less refunded amount; never negative.';
comment on column net_checkouts.cancelled is 'The order is cancelled.';
comment on column net_checkouts.click_id is 'The first click in the hour before the checkout; null without one.';
comment on column net_checkouts.utm_source is 'Source of the first click.';
comment on column net_checkouts.utm_medium is 'Medium of the first click.';
comment on column net_checkouts.utm_campaign is 'Campaign of the first click.';

-- The hour is that of the batch, for every outcome, so the counts of one hour can be compared.
create view event_accounts as
select date_trunc('hour', began_at, 'UTC') as hour, stream, 'accepted' as outcome, null as reason,
       sum(accepted)::bigint as events
  from batches
 cross join lateral (values ('clicks', clicks), ('checkouts', checkouts + refunds)) accepted (stream, accepted)
 group by 1, 2
having sum(accepted) > 0
 union all
select date_trunc('hour', ingested_at, 'UTC'), stream, 'repaired', reason, count(*)
  from (
       select 'clicks' as stream, ingested_at, repairs from raw_clicks where repairs is not null
        union all
       select 'checkouts', ingested_at, repairs from raw_checkouts where repairs is not null
        union all
       select 'checkouts', ingested_at, repairs from raw_refunds where repairs is not null
       ) event
 cross join lateral unnest(repairs) repair (reason)
 group by 1, 2, 4
 union all
select date_trunc('hour', ingested_at, 'UTC'), coalesce(substring(stream_name from '(?:clicks|checkouts)$'), stream_name),
       'refused', reason, count(*)
  from dead_letters
 group by 1, 2, 4
 union all
select date_trunc('hour', ingested_at, 'UTC'), case event_kind when 'click' then 'clicks' else 'checkouts' end,
       'conflict', event_kind || '_id with other content', count(*)
  from conflicts
 group by 1, 2, 4;

comment on view event_accounts is
    'What became of the events, by hour: accepted ones, repairs by name, refusals by reason, and conflicts.
Each event counts once, when it is received first.';
comment on column event_accounts.hour is 'Start of the hour in which the batch began.';
comment on column event_accounts.stream is 'clicks, or checkouts, to which refunds belong.';
comment on column event_accounts.outcome is
    'accepted, which includes the repaired ones; repaired, with a row for each kind of repair; refused; or conflict.';
comment on column event_accounts.reason is 'Name of the repair, or why the event was refused; null for accepted events.';
comment on column event_accounts.events is 'Number of events. An event with two repairs counts in two rows.';

grant select on net_checkouts, event_accounts to pipeline_analyst;

create or replace function erase_user(erased text) returns table (erased_from text, row_count bigint)
language plpgsql
set search_path from current
-- Whoever reads `batches` for longer lets the erasure fail, instead of holding back the job behind it.
set lock_timeout = '30s'
as $$
begin
    if coalesce(erased, '') = '' then
        raise exception 'no id: whom to erase?' using errcode = 'invalid_parameter_value';
    end if;

    -- It reads the whole table, so before the job has to wait.
    return query
      with gone as (
          delete from dead_letters
           where partition_key = erased or encode(data, 'escape') ~ mention_of(erased)
          returning 1
      )
      select 'dead_letters', count(*) from gone;

    -- Every batch reads this table first: the one under way ends, and the next one waits. So a batch is erased as a
    -- whole or comes after, and neither sees half of the other.
    lock table batches in access exclusive mode;

    return query
      with gone as (delete from conflicts where content ->> 'user_id' = erased returning 1)
      select 'conflicts', count(*) from gone;
    -- A refund of the person's order is about the person, whatever user it names.
    return query
      with gone as (
          delete from raw_refunds
           where user_id = erased
              or checkout_id in (select checkout_id from raw_checkouts where raw_checkouts.user_id = erased)
          returning 1
      )
      select 'raw_refunds', count(*) from gone;
    return query
      with gone as (
          delete from attributed_checkouts a using raw_checkouts k
           where a.checkout_id = k.checkout_id and k.user_id = erased
          returning 1
      )
      select 'attributed_checkouts', count(*) from gone;
    return query
      with gone as (delete from raw_checkouts where user_id = erased returning 1)
      select 'raw_checkouts', count(*) from gone;
    return query
      with gone as (delete from raw_clicks where user_id = erased returning 1)
      select 'raw_clicks', count(*) from gone;
    return query
      with gone as (delete from users where user_id = erased returning 1)
      select 'users', count(*) from gone;
end
$$;
comment on function erase_user(text) is
    'Removes a person from every table; returns how many rows of each. Safe to repeat, also while the job runs.';
