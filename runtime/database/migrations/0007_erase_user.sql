-- Removes a person: the rows of the id, and what was refused and mentions it.

-- A dead letter is bytes of any kind, so it is searched as text in which `encode` has written a backslash twice, NUL as
-- \000 and every byte beyond ASCII as \ooo. Each character of the id may be there as itself or as JSON escapes it.
-- The id has to stand alone: a letter, a digit, "-", "_" or anything beyond ASCII beside it makes it part of another one.
create function mention_of(user_id text) returns text
language sql immutable
set search_path from current
as $$
    select '(^|[^0-9A-Za-z_-]|\\000|\\\\([bfnrt]|u00[0-7][0-9A-Fa-f]))'
        || string_agg('(' || spellings || ')', '' order by place)
        || '($|[^0-9A-Za-z_\\-]|\\000|\\\\($|[^u]|u00[0-7]))'
      from string_to_table(user_id, null) with ordinality as one (letter, place)
     cross join lateral (
           select case
                  when ascii(letter) < 65536 then lpad(to_hex(ascii(letter)), 4, '0')
                  else to_hex(55296 + (ascii(letter) - 65536) / 1024)
                       || '\u' || to_hex(56320 + (ascii(letter) - 65536) % 1024)
                  end
           ) as utf16 (hex)
     cross join lateral (
           select string_agg(regexp_replace(encode(convert_to(spelling, 'UTF8'), 'escape'), '\W', '\\\&', 'g'), '|')
             from (values (letter),
                          (substr(to_json(letter)::text, 2, length(to_json(letter)::text) - 2)),
                          (case letter when '/' then '\/' end),
                          ('\u' || hex),
                          ('\u' || replace(upper(hex), 'U', 'u'))) as form (spelling)
           ) as each (spellings)
$$;
comment on function mention_of(text) is
    'The regular expression that finds this id in encode(data, ''escape'') of a dead letter.';

create function erase_user(erased text) returns table (erased_from text, row_count bigint)
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
