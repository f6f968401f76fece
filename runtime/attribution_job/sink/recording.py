"""The rows of `batches` and `batch_slices`: what a micro-batch and its slices have added."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import psycopg
import pyarrow as pa

from runtime.attribution_job.sink import received, statements
from runtime.attribution_job.sink.counts import Added, BatchCounts


def leave_slice(cursor: psycopg.Cursor, added: Added, rows: Mapping[str, pa.Table], batch: dict[str, Any]) -> None:
    """Stores what a slice has added, for the row of its batch."""
    cursor.execute(statements.LEAVE_SLICE, batch | received.event_time_bounds(rows) | asdict(added))


def record_batch(
    cursor: psycopg.Cursor, added: Added, rows: Mapping[str, pa.Table], batch: dict[str, Any]
) -> BatchCounts:
    """Writes the row of a batch, whose other slices have committed.

    Args:
        cursor: the cursor of the last slice's transaction.
        added: the counts of the last slice.
        rows: the rows of the whole batch.
        batch: the parameters of its statements.
    """
    cursor.execute(statements.TAKE_SLICES, batch)
    taken = dict(zip((column.name for column in cursor.description or ()), cursor.fetchone() or (), strict=True))
    stored = taken.pop("stored") + added.clicks + added.checkouts + added.refunds
    counts = BatchCounts(
        **{name: count + taken[name] for name, count in asdict(added).items()},
        records=received.count_records(rows),
        ignored=rows["dead_letter"]["reason"].null_count,
        # An interrupted attempt can have stored events of this batch, which are no duplicates. After a checkpoint was
        # set back, they can be other events.
        duplicates=max(received.count_events(rows) - stored, 0),
        unknown_fields=received.count_unknown_fields(rows),
        watermark=batch["watermark"],
    )
    cursor.execute(statements.RECORD_BATCH, batch | received.event_time_bounds(rows) | asdict(counts))
    if names := received.unknown_names(rows):
        kinds, fields = zip(*names, strict=True)
        cursor.execute(statements.NOTE_UNKNOWN_FIELDS, batch | {"kinds": list(kinds), "names": list(fields)})
    return counts
