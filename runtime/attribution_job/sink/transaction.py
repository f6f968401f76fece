"""What one transaction of the sink does with a micro-batch."""

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

STAGED = {
    "checkout": "staged_checkouts",
    "dead_letter": "staged_dead_letters",
    "candidate": "staged_credits",
}
# An unquoted empty field is null and a quoted one is empty text.
AS_CSV = csv.WriteOptions(include_header=False, quoting_style="all_valid")
ROWS_AT_ONCE = 4096
ENDS = {"first": "min", "last": "max"}

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BatchCounts:
    """Rows that a micro-batch added, by table; `credits` are rows credited, at first or to an earlier click.

    `watermark`: an event older than this was late; the epoch until both streams have shown an event.
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
    """Brings the rows into the tables; see `statements` for the order and why it converges."""
    batch: dict[str, Any] = {"query_id": query_id, "batch_id": batch_id, "delay": WATERMARK_DELAY}
    batch |= history.before(cursor, batch)
    received = {kind: len(table) for kind, table in rows.items()}
    for kind, staged in STAGED.items():
        if received.get(kind):
            copy(cursor, staged, rows[kind])
    new_clicks = checkouts = late_clicks = late_checkouts = credited = dead_letters = 0
    if received["click"]:
        new_clicks, late_clicks = store_clicks(cursor, rows["click"], batch)
    if received["checkout"]:
        checkouts, late_checkouts = one(cursor, statements.INSERT_CHECKOUTS, batch)
    duplicates = received["click"] + received["checkout"] - new_clicks - checkouts
    if duplicates:
        cursor.execute(credit_statements.MARK_LATE, batch)
    if received["click"] or received["checkout"]:
        credited = sum(one(cursor, statement, batch)[0] for statement in credit_statements.CREDIT[join])
    if received["dead_letter"]:
        dead_letters = one(cursor, statements.INSERT_DEAD_LETTERS, batch)[0]
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
    cursor.execute(statements.RECORD_BATCH, batch | first_and_last(rows) | asdict(counts))
    return counts


def store_clicks(cursor: psycopg.Cursor, received: pa.Table, batch: dict[str, Any]) -> tuple[int, int]:
    """Stages those that can concern what is stored; returns how many were new, and how many of these late."""
    firsts = clicks.first_of_each_id(received)
    # No click of any batch is later: a known id can only come with another time, or from somebody else's hand.
    latest = batch["latest_click"], batch["unseen_until"]
    try:
        with cursor.connection.transaction():
            found = copy_unknown(cursor, firsts, clicks.up_to(firsts.new, *latest), batch)
    except errors.UniqueViolation:
        found = copy_unknown(cursor, firsts, firsts.new, batch)
    copy(cursor, "staged_visits", clicks.visits(found.new))
    cursor.execute(statements.MERGE_VISITS)
    copy(cursor, "staged_clicks", clicks.early_or_repeated(found, batch))
    return len(found.new), pc.sum(pc.less(found.new["click_timestamp"], batch["watermark"])).as_py() or 0


def copy_unknown(
    cursor: psycopg.Cursor, found: clicks.Clicks, doubtful: pa.Table, batch: dict[str, Any]
) -> clicks.Clicks:
    """Into `raw_clicks`, less those of the doubtful ones that are there.

    Raises:
        UniqueViolation: one of the others is there too.
    """
    known = cursor.execute(statements.KNOWN_CLICKS, {"ids": doubtful["click_id"].to_pylist()}, prepare=False)
    found = clicks.without(found, [click_id for (click_id,) in known])
    copy(cursor, "raw_clicks", clicks.to_store(found.new, batch["watermark"]))
    return found


def first_and_last(rows: Mapping[str, pa.Table]) -> dict[str, datetime | None]:
    """Event times of the batch, as RECORD_BATCH names them; null where it has no event."""
    found = {kind: pc.min_max(rows[kind][f"{kind}_timestamp"]).as_py() for kind in ("click", "checkout")}
    return {f"{end}_{kind}": times[word] for kind, times in found.items() for end, word in ENDS.items()}


def copy(cursor: psycopg.Cursor, table: str, rows: pa.Table) -> None:
    """The server takes some rows while the next ones are written."""
    if not len(rows):
        return
    copy_rows = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    )
    # Of a table that has an empty chunk, pyarrow 26 writes other bytes than those of its rows.
    whole = rows.combine_chunks()
    with cursor.copy(copy_rows) as stream:
        for offset in range(0, len(whole), ROWS_AT_ONCE):
            buffer = io.BytesIO()
            csv.write_csv(whole.slice(offset, ROWS_AT_ONCE), buffer, AS_CSV)
            stream.write(buffer.getbuffer())


def one(cursor: psycopg.Cursor, statement: LiteralString, parameters: dict[str, Any]) -> tuple[Any, ...]:
    row = cursor.execute(statement, parameters).fetchone()
    if row is None:
        raise RuntimeError(f"no row from {statement}")
    return row


def report_conflicts(cursor: psycopg.Cursor, batch_id: int) -> None:
    ids = [row[0] for row in cursor.execute(statements.CONFLICTS)]
    if ids:
        log.warning(
            "events with a known id but other content; the first one stands",
            extra={"batch_id": batch_id, "count": len(ids), "ids": ids[:10]},
        )
