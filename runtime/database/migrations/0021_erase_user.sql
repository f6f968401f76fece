-- Erases a person from the experiments and the segments too, which have functions of their own for that.

create or replace function erase_user(erased text) returns table (erased_from text, row_count bigint)
language plpgsql
set search_path from current
-- Whoever reads `batches` for longer lets the erasure fail, instead of holding back the job behind it.
set lock_timeout = '30s'
as $$
declare
    erased_checkouts text[];
begin
    if coalesce(erased, '') = '' then
        raise exception 'no id: whom to erase?' using errcode = 'invalid_parameter_value';
    end if;

    -- A refresh that runs would store paths of the person again: the erasure waits for it, and the next one for the
    -- erasure. The number is REFRESH_LOCK of runtime/analytics/refresh.py.
    perform pg_advisory_xact_lock(1701015410);

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

    erased_checkouts := array(
        select checkout_id from raw_checkouts where raw_checkouts.user_id = erased
         union
        select checkout_id from checkout_paths where checkout_paths.user_id = erased
    );
    perform count_paths(erased_checkouts, -1);
    perform count_unconverted(array[erased], -1);
    delete from daily_credits where conversions = 0;
    delete from chain_steps where paths = 0;
    delete from changed_checkouts where checkout_id = any (erased_checkouts);
    delete from changed_users where changed_users.user_id = erased;
    return query
      with gone as (delete from checkout_paths where checkout_id = any (erased_checkouts) returning 1)
      select 'checkout_paths', count(*) from gone;
    return query
      with gone as (delete from unconverted_paths where unconverted_paths.user_id = erased returning 1)
      select 'unconverted_paths', count(*) from gone;

    return query
      with gone as (delete from conflicts where content ->> 'user_id' = erased returning 1)
      select 'conflicts', count(*) from gone;
    return query select * from erase_from_experiments(erased);
    return query select * from erase_from_segments(erased);

    -- A refund of the person's order is about the person, whatever user it names. A refund in the person's name of
    -- another order leaves that order with another net amount.
    insert into changed_checkouts (checkout_id, checkout_timestamp)
    select distinct k.checkout_id, k.checkout_timestamp
      from raw_refunds r join raw_checkouts k using (checkout_id)
     where r.user_id = erased and k.user_id <> erased
        on conflict do nothing;
    return query
      with gone as (
          delete from raw_refunds
           where user_id = erased or checkout_id = any (erased_checkouts)
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
