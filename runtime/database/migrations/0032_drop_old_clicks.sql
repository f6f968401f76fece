-- Days of raw clicks can be dropped. What the refreshes have computed from them stays.

alter table refresh_state add column clicks_kept_since timestamptz;
comment on column refresh_state.clicks_kept_since is
    'Clicks before this time have been dropped. Paths, unconverted paths and exposures that begin before it stay as they are, '
    'but a path has the present amounts of its checkout. Null: none has been dropped.';

-- A recomputation needs the clicks of a look-back, and events can be late: whatever the caller says, the clicks of another
-- 30 days stay. Readers and writers of clicks wait for this function, so it drops ten days at most, and does not wait for
-- them longer than 0.2 s. A file is deleted after the commit.
create function drop_click_days(keep_days int) returns int
language plpgsql security definer
set search_path = public, pg_temp
set timezone = 'UTC'
set lock_timeout = '200ms'
as $$
declare
    kept_days constant int := greatest(
        keep_days, (select ceil(extract(epoch from look_back) / 86400) + 30 from analytics_settings)
    );
    new_first_day date := (now() at time zone 'UTC')::date - kept_days;
    old_partitions text[];
    partition_name text;
begin
    if new_first_day <= first_click_day() then
        return 0;
    end if;
    -- A running refresh needs the clicks that it has found. As in erase_user(), the number is REFRESH_LOCK.
    perform pg_advisory_xact_lock(1701015410);
    lock table only raw_clicks in access exclusive mode;
    old_partitions := array(
        select c.relname
          from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'raw_clicks'::regclass
           and c.relname ~ '^raw_clicks_\d{8}$' and right(c.relname, 8) < to_char(new_first_day, 'YYYYMMDD')
         order by c.relname
         limit 10
    );
    foreach partition_name in array old_partitions loop
        execute format('drop table %I', partition_name);
    end loop;
    if cardinality(old_partitions) = 10 then
        new_first_day := to_date(right(partition_name, 8), 'YYYYMMDD') + 1;
    end if;
    -- All of raw_clicks_before is older. It takes the place of the dropped days, for late clicks.
    alter table raw_clicks detach partition raw_clicks_before;
    truncate raw_clicks_before;
    execute format('alter table raw_clicks attach partition raw_clicks_before for values from (minvalue) to (%L)',
                   new_first_day::timestamptz);
    update refresh_state set clicks_kept_since = new_first_day;
    return cardinality(old_partitions);
end
$$;
comment on function drop_click_days(int) is
    'Drops the partitions of raw_clicks for days older than this number of days, and empties raw_clicks_before; returns '
    'how many partitions. Keeps the look-back of the models and 30 days more in any case.';
revoke execute on function drop_click_days(int) from public;
grant execute on function drop_click_days(int) to pipeline_analytics;

comment on view funnel is
    'From visit to purchase, by day and channel, without robots. Covers the days whose clicks are kept.';
comment on view unattributed is
    'Checkouts without a touch, and why. Clicks of robots are known for days whose clicks are kept.';
