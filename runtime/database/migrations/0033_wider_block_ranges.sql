-- In a new transaction.
-- Block ranges of 4 MiB instead of 128 KiB. With `autosummarize` a writer asks for a summary of each range that it has
-- filled. The server keeps 256 requests until an autovacuum worker takes them; by default one looks once a minute. The
-- server logs each request that it cannot keep, with the statement. With three indexes and ranges of 128 KiB, 1,000 clicks/s
-- asked for 302 summaries a minute. docs/decisions/raw-clicks-by-day.md has the figures.

-- An index keeps its ranges until it is built again, which is instant for an empty table and happens here. New days are
-- like raw_clicks_before, so they get the wider ranges. Short waits, as in 0029.
do $$
declare
    attempt int := 0;
    item record;
    is_empty boolean;
begin
    set local lock_timeout = '200ms';
    loop
        begin
            for item in
                select i.indexrelid::regclass as name, i.indrelid::regclass as indexed
                  from pg_index i
                  join pg_class c on c.oid = i.indexrelid
                  join pg_am a on a.oid = c.relam
                 where a.amname = 'brin' and c.relkind = 'i'
                   and (i.indrelid in ('raw_checkouts'::regclass, 'raw_refunds'::regclass)
                        or i.indrelid in (select inhrelid from pg_inherits where inhparent = 'raw_clicks'::regclass))
                 order by c.relname
            loop
                execute format('alter index %s set (pages_per_range = 512)', item.name);
                execute format('select not exists (select from %s)', item.indexed) into is_empty;
                if is_empty then
                    execute format('reindex index %s', item.name);
                end if;
            end loop;
            exit;
        exception when lock_not_available or deadlock_detected then
            attempt := attempt + 1;
            if attempt = 500 then
                raise;
            end if;
            perform pg_sleep(0.3);
        end;
    end loop;
end
$$;
