-- In a new transaction.
-- Reads all clicks while the job writes, under a lock that holds up neither readers nor writers. On a large table it can
-- take longer than the function that migrates may run: docs/operations.md has the way by hand.

alter table raw_clicks validate constraint raw_clicks_before_days;
