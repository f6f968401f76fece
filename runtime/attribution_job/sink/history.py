"""What was written before a batch: by its query, and by others that the query knows nothing of."""

from typing import Any

import psycopg

from runtime.attribution_job.failures import RestoredDatabaseError

# `watermark` as Spark defines it: of each stream the latest event time of the query's batches before, less the delay;
# the smaller of the two. A stream that has shown nothing holds it at the epoch.
# `unseen_until` is the latest event that was stored since the batch before, and that the query may never receive: by
# another one (the event may have left the streams), or by this one in batches that it is to repeat (if its checkpoint
# was set back, they may have other events now). The newest of them knows of the others.
BEFORE = """
with previous as (
    select began_at, latest_click, latest_checkout, unseen_until
      from batches
     where query_id = %(query_id)s and batch_id = %(batch_id)s - 1
),
other as (
    select greatest(latest_click, latest_checkout, unseen_until) as latest
      from batches
     where began_at > coalesce((select began_at from previous), '-infinity')
     order by began_at desc
     limit 1
)
select began_at is not null as continued,
       greatest('epoch'::timestamptz, least(
           date_trunc('milliseconds', coalesce(latest_click, 'epoch')),
           date_trunc('milliseconds', coalesce(latest_checkout, 'epoch'))
       ) - %(delay)s::interval) as watermark,
       greatest(unseen_until, latest) as unseen_until,
       (select max(checkout_timestamp) from raw_checkouts) as last_known_checkout,
       latest_click, latest_checkout
  from (select) as always left join previous on true left join other on true
"""

LAST_BATCH = "select max(batch_id) from batches where query_id = %(query_id)s"


def before(cursor: psycopg.Cursor, batch: dict[str, Any]) -> dict[str, Any]:
    """Parameters for the statements of a batch (`query_id`, `batch_id`, `delay`), by name as in BEFORE.

    Raises:
        RestoredDatabaseError: the batch before is missing, and every batch that was written has its row.
    """
    cursor.execute(BEFORE, batch)
    found = dict(zip((column.name for column in cursor.description or ()), cursor.fetchone() or (), strict=True))
    if batch["batch_id"] > 0 and not found.pop("continued"):
        (last,) = cursor.execute(LAST_BATCH, batch).fetchone() or (None,)
        raise RestoredDatabaseError(
            f"the checkpoint of query {batch['query_id']} is at batch {batch['batch_id']}, but of those before it the"
            f" database has {'none' if last is None else f'{last} as the last'}: it was restored to an earlier time, or"
            " it is another one"
        )
    return found
