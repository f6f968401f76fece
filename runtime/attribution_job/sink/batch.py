"""The transactions of a micro-batch: one for each session, with the rows of one slice."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pyarrow as pa

from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink import days, received, recording, statements, transaction
from runtime.attribution_job.sink.counts import BatchCounts
from runtime.attribution_job.sink.ending import Ending
from runtime.attribution_job.sink.slices import Cut, checkout_ids


class StoredUserChangedError(Exception):
    """A checkout was erased between the cut of a batch and the transaction of its slice: a new cut can succeed."""


def write(
    sessions: Sequence[psycopg.Connection], rows: Mapping[str, pa.Table], join: Join, *, query_id: str, batch_id: int
) -> BatchCounts:
    """Writes a micro-batch with as many slices as sessions. The write is idempotent.

    The first session reads the facts that all slices need, in its slice's transaction. The slice that is the last one
    to store its rows writes the row of the batch. An error ends the write when all slices have ended; the committed
    ones stand, and a repeated write finds their rows as duplicates.

    Raises:
        RestoredDatabaseError: the database lacks the query's previous batch.
        StoredUserChangedError: a checkout of the batch was erased in the meantime.
        psycopg.Error: the server refused a slice, or a connection is broken.
    """
    first, *others = sessions
    ending = Ending(len(sessions))
    first_day = days.ensure(first, rows["click"])
    rows = {**rows, "click": days.with_day(rows["click"], first_day)}

    def store(cursor: psycopg.Cursor, number: int) -> BatchCounts | None:
        slice_rows, parameters = cut.rows(number), batch | {"ingested_at": batch["began_at"] if number else None}
        added = transaction.store(cursor, slice_rows, join, parameters)
        if ending.is_last() and ending.others_committed():
            return recording.record_batch(cursor, added, rows, parameters)
        recording.leave_slice(cursor, added, slice_rows, parameters)
        return None

    def store_in(session: psycopg.Connection, number: int) -> BatchCounts | None:
        with ending.transaction(session) as cursor:
            cursor.execute(statements.LOCK_BATCHES)
            users = cut.stored_users(number)
            if users and stored_users(cursor, list(users)) != users:
                raise StoredUserChangedError(f"stored checkouts of batch {batch_id} were erased; the batch is cut anew")
            return store(cursor, number)

    # The end of the block waits for all slices.
    with ThreadPoolExecutor(max(1, len(others))) as threads, ending.transaction(first) as cursor:
        batch = transaction.begin(cursor, query_id, batch_id) | {"first_day": first_day}
        cut = Cut(
            received.without_names(rows), len(sessions), stored_users(cursor, checkout_ids(rows)) if others else {}
        )
        outcomes = [threads.submit(store_in, session, number) for number, session in enumerate(others, start=1)]
        counts = store(cursor, 0)
    return counts or next(filter(None, (outcome.result() for outcome in outcomes)))


def stored_users(cursor: psycopg.Cursor, ids: list[str]) -> dict[str, str]:
    """Returns the users of the stored ones of these checkouts, by checkout id."""
    return dict(cursor.execute(statements.STORED_USERS, {"ids": ids}, prepare=False).fetchall()) if ids else {}
