"""The steps of the sink's transaction for one micro-batch."""

import io
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import errors, sql
from pyarrow import csv

from runtime.attribution_job.join.rule import WATERMARK_DELAY, Join
from runtime.attribution_job.sink import clicks, credit_statements, history, statements

STAGING_TABLES = {
    "checkout": "staged_checkouts",
    "dead_letter": "staged_dead_letters",
    "candidate": "staged_credits",
}
# In PostgreSQL's CSV format an unquoted empty field is null, and a quoted one is empty text.
CSV_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="all_valid")
ROWS_PER_CHUNK = 4096

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BatchCounts:
    """Numbers of rows that a micro-batch added, by table, and its watermark.

    `credits` counts rows that were credited, or moved to an earlier click. Events before `watermark` were late;
    `watermark` is the epoch until both streams have had an event.
    """

    clicks: int
    checkouts: int
    dead_letters: int
    credits: int
    late: int
    duplicates: int
    unknown_fields: int
    watermark: datetime


def merge(
    cursor: psycopg.Cursor, rows: Mapping[str, pa.Table], join: Join, *, query_id: str, batch_id: int
) -> BatchCounts:
    """Writes the rows of a micro-batch. `statements` explains the order and why a repeated batch changes nothing."""
    batch: dict[str, Any] = {"query_id": query_id, "batch_id": batch_id, "delay": WATERMARK_DELAY}
    batch |= history.read_history(cursor, batch)
    received = {kind: len(table) for kind, table in rows.items()}
    for kind, staging_table in STAGING_TABLES.items():
        if received.get(kind):
            copy(cursor, staging_table, rows[kind])
    new_clicks = checkouts = late_clicks = late_checkouts = credited = dead_letters = 0
    if received["click"]:
        new_clicks, late_clicks = store_clicks(cursor, rows["click"], batch)
    if received["checkout"]:
        checkouts, late_checkouts = fetch_row(cursor, statements.INSERT_CHECKOUTS, batch)
    duplicates = received["click"] + received["checkout"] - new_clicks - checkouts
    if duplicates:
        cursor.execute(credit_statements.MARK_LATE, batch)
    if received["click"] or received["checkout"]:
        credited = sum(fetch_row(cursor, statement, batch)[0] for statement in credit_statements.CREDIT[join])
    if received["dead_letter"]:
        dead_letters = fetch_row(cursor, statements.INSERT_DEAD_LETTERS, batch)[0]
    if duplicates:
        report_conflicts(cursor, batch_id)
    counts = BatchCounts(
        clicks=new_clicks,
        checkouts=checkouts,
        dead_letters=dead_letters,
        credits=credited,
        late=late_clicks + late_checkouts,
        duplicates=duplicates,
        unknown_fields=sum(pc.sum(rows[kind]["unknown_fields"]).as_py() or 0 for kind in ("click", "checkout")),
        watermark=batch["watermark"],
    )
    cursor.execute(statements.RECORD_BATCH, batch | event_time_bounds(rows) | asdict(counts))
    return counts


def store_clicks(cursor: psycopg.Cursor, received: pa.Table, batch: dict[str, Any]) -> tuple[int, int]:
    """Stores new clicks, updates their users, and stages the clicks that can change stored rows.

    Returns:
        The number of new clicks, and the number of late ones among them.
    """
    unique = clicks.first_of_each_id(received)
    # Only ids of clicks up to these times are looked up, because no stored click is later. A later click has a stored
    # id only if a producer reused the id, or if another client inserted the click. COPY fails then, and the second
    # attempt looks up all ids.
    stored_until = batch["latest_click"], batch["unseen_until"]
    try:
        with cursor.connection.transaction():
            stored = copy_new(cursor, unique, clicks.not_later_than(unique.new, *stored_until), batch)
    except errors.UniqueViolation:
        stored = copy_new(cursor, unique, unique.new, batch)
    copy(cursor, "staged_visits", clicks.visits(stored.new))
    cursor.execute(statements.MERGE_VISITS)
    copy(cursor, "staged_clicks", clicks.duplicates_and_early(stored, batch))
    return len(stored.new), pc.sum(pc.less(stored.new["click_timestamp"], batch["watermark"])).as_py() or 0


def copy_new(
    cursor: psycopg.Cursor, unique: clicks.Clicks, to_look_up: pa.Table, batch: dict[str, Any]
) -> clicks.Clicks:
    """Copies clicks to `raw_clicks`, except clicks of `to_look_up` whose id is stored.

    Returns:
        The copied clicks as `new`, all others as `duplicates`.

    Raises:
        UniqueViolation: a click outside `to_look_up` has a stored id.
    """
    known = cursor.execute(statements.KNOWN_CLICKS, {"ids": to_look_up["click_id"].to_pylist()}, prepare=False)
    remaining = clicks.exclude_stored(unique, [click_id for (click_id,) in known])
    copy(cursor, "raw_clicks", clicks.raw_rows(remaining.new, batch["watermark"]))
    return remaining


def event_time_bounds(rows: Mapping[str, pa.Table]) -> dict[str, datetime | None]:
    """Returns the batch's first and last event times, named as in RECORD_BATCH; null for a stream without events."""
    bounds: dict[str, datetime | None] = {}
    for kind in ("click", "checkout"):
        times = pc.min_max(rows[kind][f"{kind}_timestamp"]).as_py()
        bounds |= {f"first_{kind}": times["min"], f"last_{kind}": times["max"]}
    return bounds


def copy(cursor: psycopg.Cursor, table: str, rows: pa.Table) -> None:
    """Copies rows to a table in chunks: the server stores one chunk while the next is encoded."""
    if not len(rows):
        return
    copy_rows = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    )
    # pyarrow 26 writes wrong bytes for a table that has an empty chunk.
    combined = rows.combine_chunks()
    with cursor.copy(copy_rows) as stream:
        for offset in range(0, len(combined), ROWS_PER_CHUNK):
            buffer = io.BytesIO()
            csv.write_csv(combined.slice(offset, ROWS_PER_CHUNK), buffer, CSV_OPTIONS)
            stream.write(buffer.getbuffer())


def fetch_row(cursor: psycopg.Cursor, statement: LiteralString, parameters: dict[str, Any]) -> tuple[Any, ...]:
    """Executes a statement that returns one row of counts."""
    row = cursor.execute(statement, parameters).fetchone()
    if row is None:
        raise RuntimeError(f"the statement returned no row: {statement}")
    return row


def report_conflicts(cursor: psycopg.Cursor, batch_id: int) -> None:
    """Logs the ids of duplicates whose content differs from the stored event."""
    ids = [row[0] for row in cursor.execute(statements.CONFLICTS)]
    if ids:
        log.warning(
            "events reuse a stored id with different content; the stored events are kept",
            extra={"batch_id": batch_id, "count": len(ids), "ids": ids[:10]},
        )
