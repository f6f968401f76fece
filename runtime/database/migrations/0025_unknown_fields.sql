-- Names of the fields that events have and the contract does not, for the rule of data quality that counts them.

create table unknown_fields (
    event_kind text not null,
    name       text collate "C" not null,
    first_seen timestamptz not null,
    last_seen  timestamptz not null,
    primary key (event_kind, name)
);

grant select, insert, update on unknown_fields to pipeline_writer;
grant select on unknown_fields to pipeline_analyst, pipeline_analytics;

comment on table unknown_fields is
    'Names of fields that the contract does not have: at most 1,000, and never their values.';
comment on column unknown_fields.event_kind is 'click, checkout or refund.';
comment on column unknown_fields.name is
    'Name of the field. (other): names that are unusual, such as numbers or addresses, and could be data of people.';
comment on column unknown_fields.first_seen is 'Start of the first batch with this field.';
comment on column unknown_fields.last_seen is 'Start of the newest batch with this field, to the minute.';

-- A query that the owner has changed stays as it is.
update quality_rules
   set query = $$select sum(unknown_fields), sum(clicks + checkouts + refunds),
          (select string_agg(name, ', ' order by name)
             from (select distinct name from unknown_fields
                    where last_seen >= $1 - interval '1 minute' and first_seen < $2 order by name limit 20) names)
     from batches where began_at >= $1 and began_at < $2$$,
       remedy = 'The detail has the names. See whether a known field was renamed; if a field is new and needed, add it to '
                'the contract.'
 where name = 'unknown_fields'
   and query = $$select sum(unknown_fields), sum(clicks + checkouts + refunds)
     from batches where began_at >= $1 and began_at < $2$$;
