-- In a new transaction.
-- Clicks by day: `raw_clicks` is now the parent of one table for each UTC day, and of `raw_clicks_before`.

-- A view that reads the table keeps reading it under its new name, so the text of each view is read before and executed
-- after. The views are locked before the table: nobody can hold a view and wait for the table. A reader can still hold the
-- table and wait for a view, so all waits are short, and everything is tried again. See 0029.
do $$
declare
    first_day timestamptz;
    attempt int := 0;
    view_statements text[];
    view_statement text;
    item record;
begin
    set local timezone = 'UTC';
    set local lock_timeout = '200ms';
    loop
        begin
            view_statements := array(
                select format('create or replace view %s %s as %s', v.oid::regclass,
                              'with (' || array_to_string(v.reloptions, ', ') || ')', pg_get_viewdef(v.oid))
                  from pg_class v
                 where v.relkind = 'v'
                   and exists (select from pg_rewrite r join pg_depend d on d.objid = r.oid
                                where r.ev_class = v.oid and d.classid = 'pg_rewrite'::regclass
                                  and d.refclassid = 'pg_class'::regclass and d.refobjid = 'raw_clicks'::regclass)
                 order by v.oid
            );
            -- The only statement that locks a view without its tables is one that changes the view: here, to itself.
            foreach view_statement in array view_statements loop
                execute view_statement;
            end loop;
            lock table raw_clicks in access exclusive mode;
            exit;
        exception when lock_not_available or deadlock_detected then
            attempt := attempt + 1;
            if attempt = 500 then
                raise;
            end if;
            perform pg_sleep(0.3);
        end;
    end loop;

    select (regexp_match(pg_get_constraintdef(oid), '''([^'']+)'''))[1]
      into strict first_day
      from pg_constraint
     where conrelid = 'raw_clicks'::regclass and conname = 'raw_clicks_before_days';

    alter table raw_clicks rename to raw_clicks_before;
    create table raw_clicks (
        like raw_clicks_before including defaults including comments including storage including compression
    ) partition by range (click_timestamp);

    -- Privileges on the parent are enough to use its partitions.
    for item in
        select a.privilege_type, '' as columns, a.grantee, a.is_grantable
          from pg_class c cross join lateral aclexplode(c.relacl) a
         where c.oid = 'raw_clicks_before'::regclass and a.grantee <> c.relowner
         union all
        select a.privilege_type, format('(%I)', t.attname), a.grantee, a.is_grantable
          from pg_attribute t cross join lateral aclexplode(t.attacl) a
         where t.attrelid = 'raw_clicks_before'::regclass
    loop
        execute format('grant %s %s on raw_clicks to %s%s', item.privilege_type, item.columns,
                       case when item.grantee = 0 then 'public' else item.grantee::regrole::text end,
                       case when item.is_grantable then ' with grant option' else '' end);
        execute format('revoke %s %s on raw_clicks_before from %s', item.privilege_type, item.columns,
                       case when item.grantee = 0 then 'public' else item.grantee::regrole::text end);
    end loop;

    -- The parent's indexes take the names, and every partition has an index for each. No index of the parent can be
    -- unique without the time: an id is unique within a partition, by its primary key.
    for item in
        select c.relname as name, pg_get_indexdef(i.indexrelid) as definition, i.indisprimary as is_primary
          from pg_index i join pg_class c on c.oid = i.indexrelid
         where i.indrelid = 'raw_clicks_before'::regclass
    loop
        execute format('alter index %I rename to %I', item.name,
                       regexp_replace(item.name, '^raw_clicks', 'raw_clicks_before'));
        if not item.is_primary then
            execute regexp_replace(item.definition, ' ON \S*raw_clicks_before ', ' ON raw_clicks ');
        end if;
    end loop;
    execute format('alter table raw_clicks attach partition raw_clicks_before for values from (minvalue) to (%L)',
                   first_day);
    alter table raw_clicks_before drop constraint raw_clicks_before_days;
    foreach view_statement in array view_statements loop
        execute view_statement;
    end loop;
end
$$;

comment on table raw_clicks is
    'Clicks as accepted, in one partition for each UTC day of `click_timestamp`, which the job creates ahead. An id is unique '
    'within its day.';
comment on table raw_clicks_before is
    'The partition of raw_clicks for all days before the first one that has a partition. An id is unique within it.';
comment on column raw_clicks.click_id is 'Id of the click. Another day can have another click under the same id.';

create function first_click_day() returns date
language sql stable
set search_path = public, pg_temp
set timezone = 'UTC'
as $$
    select (regexp_match(pg_get_expr(relpartbound, oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz::date
      from pg_class
     where oid = 'raw_clicks_before'::regclass
$$;
comment on function first_click_day() is
    'First day that can have a partition of its own. All clicks before it are in raw_clicks_before.';

-- ATTACH takes a lock on the parent that holds up nobody but another ATTACH; `create table … partition of` would hold up
-- every reader and writer.
create function ensure_click_days(days date[]) returns date
language plpgsql security definer
set search_path = public, pg_temp
set timezone = 'UTC'
set lock_timeout = '60s'
as $$
declare
    first_day constant date := first_click_day();
    missing constant date[] := array(
        select distinct d from unnest(days) d
         where d >= first_day and to_regclass('raw_clicks_' || to_char(d, 'YYYYMMDD')) is null
         order by d
    );
    new_day date;
    partition_name text;
begin
    if missing <> '{}' then
        lock table only raw_clicks in share update exclusive mode;
    end if;
    foreach new_day in array missing loop
        partition_name := 'raw_clicks_' || to_char(new_day, 'YYYYMMDD');
        -- Another caller may have created it while this one waited for the lock.
        continue when to_regclass(partition_name) is not null;
        execute format('create table %I (like raw_clicks_before including all)', partition_name);
        execute format('comment on table %I is %L', partition_name, format('The partition of raw_clicks for %s.', new_day));
        execute format('alter table raw_clicks attach partition %I for values from (%L) to (%L)',
                       partition_name, new_day::timestamptz, (new_day + 1)::timestamptz);
    end loop;
    return first_day;
end
$$;
comment on function ensure_click_days(date[]) is
    'Creates the missing partitions of raw_clicks for these days; returns the first day that can have one.';
revoke execute on function first_click_day(), ensure_click_days(date[]) from public;
grant execute on function first_click_day(), ensure_click_days(date[]) to pipeline_writer;

select ensure_click_days(array[(now() at time zone 'UTC')::date, (now() at time zone 'UTC')::date + 1]);

-- The same credits. The bounds let the planner leave out the days of other checkouts.
create or replace function attribute(checkout_ids text[]) returns bigint
language plpgsql
set search_path from current
set plan_cache_mode = force_custom_plan
as $$
declare
    first_at timestamptz;
    last_at timestamptz;
    credited bigint;
begin
    select min(checkout_timestamp) - interval '1 hour', max(checkout_timestamp)
      into first_at, last_at
      from raw_checkouts
     where checkout_id = any (checkout_ids);
    if last_at is null then
        return 0;
    end if;
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
                         and raw_clicks.click_timestamp between first_at and last_at
                       order by click_timestamp, click_id
                       limit 1
                      ) click
               ) first
         where a.checkout_id = first.checkout_id
           -- Earliest wins, also against a writer that commits while this one waits for the row.
           and (a.click_id is null or (first.click_timestamp, first.click_id) < (a.click_timestamp, a.click_id))
        returning a.checkout_id
    )
    select count(*) into credited from merged;
    return credited;
end
$$;

-- Between which times a user has clicked, so that the refresh looks for the user's clicks in few partitions.
create view click_spans as
select user_id, first_click_timestamp, last_click_timestamp from users where first_click_timestamp is not null;
comment on view click_spans is 'First and last click of the users, without those of robots.';
comment on column click_spans.user_id is 'The user.';
comment on column click_spans.first_click_timestamp is 'Time of the first click.';
comment on column click_spans.last_click_timestamp is 'Time of the last click.';
grant select on click_spans to pipeline_analytics;

-- As before, except that an older click is found in `users`, and not in every partition.
create or replace view unattributed as
select p.day, count(*) as checkouts,
       count(*) filter (where p.touches = 0) as unattributed,
       round(count(*) filter (where p.touches = 0)::numeric / count(*), 4) as unattributed_share,
       case when not bool_or(r.rate is null) then coalesce(sum(p.gross * r.rate) filter (where p.touches = 0), 0) end
           as gross_revenue,
       case when not bool_or(r.rate is null) then coalesce(sum(p.net * r.rate) filter (where p.touches = 0), 0) end
           as net_revenue,
       count(*) filter (where reason = 'robot') as only_robot_clicks,
       count(*) filter (where reason = 'older') as only_older_clicks,
       count(*) filter (where reason = 'none') as no_clicks
  from checkout_paths p
  join reporting_rates r on r.day = p.day and r.currency = p.currency
 cross join lateral (
       select case
              when p.touches > 0 then null
              when exists (select from raw_clicks c
                            where c.user_id = p.user_id and c.is_bot
                              and c.click_timestamp
                                  between p.checkout_timestamp - (select look_back from refresh_state)
                                      and p.checkout_timestamp)
              then 'robot'
              when exists (select from click_spans s
                            where s.user_id = p.user_id and s.first_click_timestamp < p.checkout_timestamp)
              then 'older'
              else 'none'
              end as reason
       ) w
 group by p.day;
