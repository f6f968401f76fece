-- Events as shops really send them: amounts with four decimals, revised, cancelled and refunded orders, test orders,
-- robots' clicks, conflicting events, and several events in one record. Events that are stored already keep every value.

-- Every batch reads `batches` first, so the batch that runs now ends, and the next one waits until the migration commits.
-- If a session holds a table for longer, the migration fails and changes nothing, instead of holding back the job.
set local lock_timeout = '60s';
lock table batches in access exclusive mode;

-- New columns with a constant default do not rewrite a table. The index is built anew, and is sorted in memory.
set local maintenance_work_mem = '256MB';
alter table raw_clicks
    alter column late set default false,
    add column referrer text,
    add column experiment_id text,
    add column variant text,
    add column is_bot boolean not null default false,
    add column stated_timestamp timestamptz,
    add column repairs text[];

-- The first click of a person is found without a look at the clicks of a robot with the same user.
drop index raw_clicks_by_user;
create index raw_clicks_by_user on raw_clicks (user_id, is_bot, click_timestamp, click_id);

-- A change of scale rewrites a table, so each table is changed by one statement.
alter table raw_checkouts
    alter column late set default false,
    alter column total_amount type numeric(19, 4),
    add column revision bigint not null default 0,
    add column cancelled boolean not null default false,
    add column test boolean not null default false,
    add column stated_timestamp timestamptz,
    add column repairs text[];
alter table attributed_checkouts
    alter column total_amount type numeric(19, 4),
    add column test boolean not null default false;
alter table users
    alter column lifetime_value type numeric(23, 4);

-- No reference to raw_checkouts: a refund may arrive before its checkout.
create table raw_refunds (
    refund_id         text collate "C" primary key,
    checkout_id       text collate "C" not null,
    user_id           text collate "C" not null,
    amount            numeric(19, 4) not null,
    currency          char(3) not null,
    refund_timestamp  timestamptz not null,
    stated_timestamp  timestamptz,
    repairs           text[],
    arrived_at        timestamptz not null,
    ingested_at       timestamptz not null default now()
);
create index raw_refunds_by_checkout on raw_refunds (checkout_id, currency) include (amount);
create index raw_refunds_by_user on raw_refunds (user_id);
create index raw_refunds_by_time on raw_refunds (refund_timestamp);

create table conflicts (
    event_kind       text not null check (event_kind in ('click', 'checkout', 'refund')),
    event_id         text collate "C" not null,
    content_digest   text not null,
    content          jsonb not null,
    sequence_number  text not null,
    record_index     int not null,
    arrived_at       timestamptz not null,
    ingested_at      timestamptz not null default now(),
    primary key (event_kind, event_id, content_digest)
);
create index conflicts_by_ingestion on conflicts (ingested_at);

alter table dead_letters
    add column record_index int not null default 0,
    drop constraint dead_letters_pkey,
    add primary key (stream_name, sequence_number, record_index);

alter table batches
    add column records bigint not null default 0,
    add column refunds bigint not null default 0,
    add column ignored bigint not null default 0,
    add column conflicts bigint not null default 0,
    add column revisions bigint not null default 0,
    add column repaired bigint not null default 0;

-- Repaired events by hour. Plain events are not in these indexes.
create index raw_clicks_repaired on raw_clicks (ingested_at) where repairs is not null;
create index raw_checkouts_repaired on raw_checkouts (ingested_at) where repairs is not null;
create index raw_refunds_repaired on raw_refunds (ingested_at) where repairs is not null;
create index dead_letters_by_ingestion on dead_letters (ingested_at);

grant update (total_amount, currency, session_id, payment_method, items, test, revision, cancelled)
    on raw_checkouts to pipeline_writer;
grant select, insert on raw_refunds, conflicts to pipeline_writer;
grant select on raw_refunds, conflicts to pipeline_analyst;

comment on column raw_clicks.referrer is 'The page that the visitor came from, as the shop states it.';
comment on column raw_clicks.experiment_id is 'The experiment that the page belonged to.';
comment on column raw_clicks.variant is 'The variant of the experiment that the visitor saw.';
comment on column raw_clicks.is_bot is 'A robot clicked: no checkout is credited to the click, and `users` leaves it out.';
comment on column raw_clicks.stated_timestamp is
    'The time that the event stated, when it was ahead of its arrival; click_timestamp is the corrected time.';
comment on column raw_clicks.repairs is 'Names of the repairs without which the event would have been refused or incomplete.';

comment on table raw_checkouts is
    'Orders as accepted. User and times are those of the first event received under the id; amount, currency, items,
session, payment and `test` are those of its highest revision. Test orders are included.';
comment on column raw_checkouts.total_amount is 'Amount of the highest revision, before refunds, in `currency`.';
comment on column raw_checkouts.revision is 'Highest revision received; 0 when the shop numbers none.';
comment on column raw_checkouts.cancelled is 'An event under this id has said that the order is cancelled; never undone.';
comment on column raw_checkouts.test is 'A test order, by its highest revision. net_checkouts and `users` leave it out.';
comment on column raw_checkouts.stated_timestamp is
    'The time that the event stated, when it was ahead of its arrival; checkout_timestamp is the corrected time.';
comment on column raw_checkouts.repairs is 'Names of the repairs of the first event received under the id.';

comment on column attributed_checkouts.total_amount is 'As in raw_checkouts: the highest revision, before refunds.';
comment on column attributed_checkouts.test is 'A test order, as in raw_checkouts.';
comment on column users.order_count is 'Checkouts under this user, without test orders; cancelled ones count.';
comment on column users.lifetime_value is
    'Sum of total_amount of the checkouts, without test orders and before refunds; amounts are not converted between currencies.';

comment on table raw_refunds is
    'Refunds as accepted; of events with one id the first stands. net_checkouts subtracts them from their checkouts.';
comment on column raw_refunds.checkout_id is 'The refunded checkout, which may not have arrived yet.';
comment on column raw_refunds.amount is 'Amount paid back, in `currency`.';
comment on column raw_refunds.stated_timestamp is
    'The time that the event stated, when it was ahead of its arrival; refund_timestamp is the corrected time.';
comment on column raw_refunds.repairs is 'Names of the repairs without which the event would have been refused or incomplete.';
comment on column raw_refunds.arrived_at is 'When Kinesis took the record (approximate arrival timestamp).';
comment on column raw_refunds.ingested_at is 'Start of the transaction that wrote the row; equals batches.began_at.';

comment on table conflicts is
    'Events under the id and revision of a stored event, with other content. The stored event stands; exact copies are not kept.';
comment on column conflicts.event_kind is 'click, checkout or refund.';
comment on column conflicts.event_id is 'The id that the event shares with a stored event.';
comment on column conflicts.content_digest is 'SHA-256 of `content`, in hexadecimal: each content is kept once.';
comment on column conflicts.content is 'The event as read, without empty fields; its time is the stated one.';
comment on column conflicts.sequence_number is 'The record that held the event first.';
comment on column conflicts.record_index is 'Place of the event in its record, from 0.';

comment on column dead_letters.record_index is 'Place of the refused event in its record, from 0.';

comment on column batches.records is 'Records read from the streams. A repeated batch counts them once.';
comment on column batches.refunds is 'New refunds.';
comment on column batches.ignored is
    'Records or parts of records that hold no event, such as control messages; stored nowhere. A repeated batch counts them once.';
comment on column batches.conflicts is 'New rows in `conflicts`.';
comment on column batches.revisions is 'Stored checkouts that a higher revision or a cancellation changed.';
comment on column batches.repaired is 'New events that needed a repair.';
