-- A batch looks at the one before it instead of all of its query.

alter table batches
    add column latest_click timestamptz,
    add column latest_checkout timestamptz,
    add column unseen_until timestamptz;

update batches b
   set latest_click = latest.click, latest_checkout = latest.checkout
  from (
       select query_id, batch_id, max(last_click) over upwards as click, max(last_checkout) over upwards as checkout
         from batches
       window upwards as (partition by query_id order by batch_id)
       ) latest
 where (b.query_id, b.batch_id) = (latest.query_id, latest.batch_id);

comment on column batches.latest_click is 'Latest click of this and all earlier batches of the query.';
comment on column batches.latest_checkout is 'Latest checkout of this and all earlier batches of the query.';
comment on column batches.unseen_until is
    'Latest event that was stored by another query, or before the checkpoint was set back: this query may not have seen it.';
