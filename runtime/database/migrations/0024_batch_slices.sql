-- Counts of the committed slices of a micro-batch, until the row of the whole batch takes them over.

create table batch_slices (
    slice_id      bigint generated always as identity primary key,
    query_id      uuid not null,
    batch_id      bigint not null,
    clicks        bigint not null,
    checkouts     bigint not null,
    refunds       bigint not null,
    dead_letters  bigint not null,
    credits       bigint not null,
    late          bigint not null,
    conflicts     bigint not null,
    revisions     bigint not null,
    repaired      bigint not null,
    last_click     timestamptz,
    last_checkout  timestamptz,
    committed_at   timestamptz not null default clock_timestamp()
);

-- Each row of `batches` takes over and deletes the rows of this table.
grant select, insert, delete on batch_slices to pipeline_writer;
grant select on batch_slices to pipeline_analyst;

comment on table batch_slices is
    'What each committed slice of an unfinished micro-batch has added. The next row of `batches` includes these numbers and
deletes the rows, so both tables together add up to the other tables at every commit.';
comment on column batch_slices.slice_id is 'Number of the row.';
comment on column batch_slices.query_id is 'As in `batches`.';
comment on column batch_slices.batch_id is 'As in `batches`. The batch is being written, or was interrupted.';
comment on column batch_slices.clicks is 'New clicks.';
comment on column batch_slices.checkouts is 'New checkouts.';
comment on column batch_slices.refunds is 'New refunds.';
comment on column batch_slices.dead_letters is 'New dead letters.';
comment on column batch_slices.credits is 'Checkouts that were credited, or moved to an earlier click.';
comment on column batch_slices.late is 'New events that were late.';
comment on column batch_slices.conflicts is 'New rows in `conflicts`.';
comment on column batch_slices.revisions is 'Stored checkouts that a higher revision or a cancellation changed.';
comment on column batch_slices.repaired is 'New events that needed a repair.';
comment on column batch_slices.last_click is 'Time of the latest click that the slice received.';
comment on column batch_slices.last_checkout is 'Time of the latest checkout that the slice received.';
comment on column batch_slices.committed_at is 'When the slice was committed.';

comment on table batches is
    'What each micro-batch wrote, in a row that is written last. Counts are rows that were new: together with batch_slices,
which holds the counts of an unfinished batch, they add up to the tables, also when a batch is repeated.';
comment on column batches.duplicates is 'Events received again: already stored under the same id.';
comment on column batches.began_at is 'Start of the batch''s first transaction; the rows of the batch have it as ingested_at.';
comment on column raw_clicks.ingested_at is 'Start of the batch that wrote the row; equals batches.began_at.';
comment on column raw_refunds.ingested_at is 'Start of the batch that wrote the row; equals batches.began_at.';
