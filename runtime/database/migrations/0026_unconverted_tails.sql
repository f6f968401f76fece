-- The time from which a user's events have changed: a refresh reads the clicks after the last stored run, not all of them.

alter table changed_users add column since timestamptz not null default '-infinity';
comment on column changed_users.since is 'Time of the first changed event. All earlier events are in the stored runs.';
