-- Events as accepted, what they were credited to, and what was refused.
-- Ids compare byte by byte (collation "C"), so that PostgreSQL, Spark and Python break ties alike.

create table raw_clicks (
    click_id         text collate "C" primary key,
    user_id          text collate "C" not null,
    session_id       text,
    product_id       text,
    page_url         text,
    utm_source       text,
    utm_medium       text,
    utm_campaign     text,
    device_type      text,
    click_timestamp  timestamptz not null,
    arrived_at       timestamptz not null,
    ingested_at      timestamptz not null default now(),
    late             boolean not null
);
comment on column raw_clicks.arrived_at is 'When Kinesis took the record (approximate arrival timestamp).';
comment on column raw_clicks.ingested_at is 'Start of the transaction that wrote the row; equals batches.began_at.';
comment on column raw_clicks.late is 'Older than the watermark on arrival: the streaming join never saw it.';

create table raw_checkouts (
    checkout_id         text collate "C" primary key,
    user_id             text collate "C" not null,
    session_id          text,
    items               jsonb,
    total_amount        numeric(12, 2) not null,
    currency            char(3) not null,
    payment_method      text,
    checkout_timestamp  timestamptz not null,
    arrived_at          timestamptz not null,
    ingested_at         timestamptz not null default now(),
    late                boolean not null
);

create table attributed_checkouts (
    checkout_id         text collate "C" primary key references raw_checkouts,
    user_id             text collate "C" not null,
    checkout_timestamp  timestamptz not null,
    total_amount        numeric(12, 2) not null,
    currency            char(3) not null,
    click_id            text collate "C",
    click_timestamp     timestamptz,
    utm_source          text,
    utm_medium          text,
    utm_campaign        text,
    updated_at          timestamptz not null default now(),
    check ((click_id is null) = (click_timestamp is null)),
    check (click_timestamp between checkout_timestamp - interval '1 hour' and checkout_timestamp)
) with (fillfactor = 80);
comment on table attributed_checkouts is
    'One row for every accepted checkout, at once; click_id stays null until a click in the hour before it is known.';

create table users (
    user_id                text collate "C" primary key,
    first_seen             timestamptz not null,
    last_seen              timestamptz not null,
    first_click_timestamp  timestamptz,
    first_click_id         text collate "C",
    first_utm_source       text,
    first_utm_medium       text,
    first_utm_campaign     text,
    last_click_timestamp   timestamptz,
    last_click_id          text collate "C",
    last_device            text,
    order_count            bigint not null default 0,
    lifetime_value         numeric(20, 2) not null default 0
) with (fillfactor = 80);
comment on column users.lifetime_value is 'Sum of total_amount as stated by the checkouts; amounts are not converted between currencies.';

create table dead_letters (
    stream_name      text not null,
    sequence_number  text not null,
    partition_key    text not null,
    reason           text not null,
    data             bytea not null,
    arrived_at       timestamptz not null,
    ingested_at      timestamptz not null default now(),
    primary key (stream_name, sequence_number)
);

create table batches (
    query_id        uuid not null,
    batch_id        bigint not null,
    clicks          bigint not null,
    checkouts       bigint not null,
    dead_letters    bigint not null,
    credits         bigint not null,
    late            bigint not null,
    duplicates      bigint not null,
    unknown_fields  bigint not null,
    first_click     timestamptz,
    last_click      timestamptz,
    first_checkout  timestamptz,
    last_checkout   timestamptz,
    watermark       timestamptz not null,
    began_at        timestamptz not null default now(),
    committed_at    timestamptz not null default clock_timestamp(),
    primary key (query_id, batch_id)
);
comment on table batches is
    'What each micro-batch wrote: counts are rows that were new, so they add up to the tables even when a batch is replayed.';
comment on column batches.duplicates is 'Events received again: already stored under the same id.';
