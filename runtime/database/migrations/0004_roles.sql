-- Whoever runs the migrations owns the tables. The job may add and correct rows, never remove them;
-- analysts read. Passwords are set from outside: none stands in a file.

do $$
begin
    if not exists (select from pg_roles where rolname = 'pipeline_writer') then
        create role pipeline_writer nologin;
    end if;
    if not exists (select from pg_roles where rolname = 'pipeline_analyst') then
        create role pipeline_analyst nologin;
    end if;
    execute format('grant connect, temporary on database %I to pipeline_writer', current_database());
    execute format('grant connect on database %I to pipeline_analyst', current_database());
    execute format('revoke all on database %I from public', current_database());
end
$$;

revoke create on schema public from public;
revoke execute on function attribute(text[]), reattribute(timestamptz, timestamptz) from public;

grant usage on schema public to pipeline_writer, pipeline_analyst;
grant select, insert on raw_clicks, raw_checkouts, dead_letters to pipeline_writer;
grant select, insert, update on attributed_checkouts, users, batches to pipeline_writer;
grant execute on function attribute(text[]), reattribute(timestamptz, timestamptz) to pipeline_writer;
grant select on raw_clicks, raw_checkouts, attributed_checkouts, users, batches to pipeline_analyst;

-- A forgotten analytical query must not hold back the job for longer than this.
alter role pipeline_analyst set statement_timeout = '5min';
alter role pipeline_writer set statement_timeout = '5min';
