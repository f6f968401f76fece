-- Clicks are to be partitioned by the UTC day of their time. The present table becomes the partition `raw_clicks_before` of
-- all earlier clicks, without a copy of a row: that needs a valid constraint. This file adds it, 0030 validates it while
-- the job writes, and 0031 partitions. docs/decisions/raw-clicks-by-day.md has the whole design.

-- The limit leaves a week to finish: the job could not store later clicks before 0031 is applied. In a new database, where
-- nobody writes yet, days begin with the present one. Whoever waits for the lock holds up the job behind it, so it is
-- asked for often, and each time for less than the server waits until it looks for deadlocks.
do $$
declare
    limit_at timestamptz;
    attempt int := 0;
begin
    set local timezone = 'UTC';
    set local lock_timeout = '200ms';
    -- The condition lets the index by time answer.
    select coalesce(max(click_timestamp), now()) + interval '7 days'
      into limit_at
      from raw_clicks
     where click_timestamp > now();
    if (select min(applied_at) from schema_migrations) = now() then
        limit_at := now();
    end if;
    loop
        begin
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
    execute format('alter table raw_clicks add constraint raw_clicks_before_days check (click_timestamp < %L) not valid',
                   date_trunc('day', limit_at));
end
$$;
