"""Facts about the batches before a micro-batch: those of its own query, and those of other queries."""

from typing import Any

import psycopg

from runtime.attribution_job.failures import RestoredDatabaseError

# `watermark` is defined as in Spark: take each stream's latest event time in the query's earlier batches, subtract the
# delay, and use the smaller of the two results. A stream without events holds the watermark at the epoch.
# `unseen_until` is the time of the latest stored event that this query may never receive. Such events were stored since
# the query's previous batch, in one of two ways:
# - Another query stored them, and they may have left the streams since.
# - This query stored them in batches that it repeats, because its checkpoint was set back. The repeated batches may
#   contain other events.
# Reading the newest of these rows is enough, because it includes the `unseen_until` of the others. Slices of unfinished
# batches have no row in `batches` yet.
HISTORY = """
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
),
unfinished as (
    select max(greatest(last_click, last_checkout)) as latest from batch_slices
)
select previous.began_at is not null as continued,
       greatest('epoch'::timestamptz, least(
           date_trunc('milliseconds', coalesce(latest_click, 'epoch')),
           date_trunc('milliseconds', coalesce(latest_checkout, 'epoch'))
       ) - %(delay)s::interval) as watermark,
       greatest(unseen_until, other.latest, unfinished.latest) as unseen_until,
       (select max(checkout_timestamp) from raw_checkouts) as last_known_checkout,
       latest_click, latest_checkout, now() as began_at
  from unfinished left join previous on true left join other on true
"""

LAST_BATCH = "select max(batch_id) from batches where query_id = %(query_id)s"


def read_history(cursor: psycopg.Cursor, batch: dict[str, Any]) -> dict[str, Any]:
    """Reads the history of a batch as parameters for its statements, named as the columns of HISTORY.

    `batch` has `query_id`, `batch_id` and `delay`.

    Raises:
        RestoredDatabaseError: the previous batch has no row; every committed batch writes one.
    """
    cursor.execute(HISTORY, batch)
    facts = dict(zip((column.name for column in cursor.description or ()), cursor.fetchone() or (), strict=True))
    if batch["batch_id"] > 0 and not facts.pop("continued"):
        (last,) = cursor.execute(LAST_BATCH, batch).fetchone() or (None,)
        stored = "no batch" if last is None else f"{last} as the last batch"
        raise RestoredDatabaseError(
            f"the checkpoint of query {batch['query_id']} is at batch {batch['batch_id']}, but the database has"
            f" {stored} of that query: the database was restored to an earlier time, or it is the wrong database"
        )
    return facts
