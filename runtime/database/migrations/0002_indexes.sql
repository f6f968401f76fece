-- The rule, read from the checkout's side: the first click of this user in the hour before.
create index raw_clicks_by_user on raw_clicks (user_id, click_timestamp, click_id);

-- The rule, read from a late click's side: the checkouts of this user in the hour after.
create index raw_checkouts_by_user on raw_checkouts (user_id, checkout_timestamp);

-- A new checkout must also look at the clicks that the streaming join never saw; they are few.
create index raw_clicks_late on raw_clicks (user_id, click_timestamp) where late;

create index raw_checkouts_by_time on raw_checkouts (checkout_timestamp);
create index attributed_checkouts_by_time on attributed_checkouts (checkout_timestamp);
create index batches_by_began on batches (began_at);
create index dead_letters_by_time on dead_letters (arrived_at);
