"""Facts about the rows of a micro-batch as received, before any row is stored."""

from collections.abc import Mapping
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

EVENTS = ("click", "checkout", "refund")


def count_records(rows: Mapping[str, pa.Table]) -> int:
    """Returns the number of records. Each record has exactly one row with index 0, in one of the tables."""
    indexes = [rows[kind]["record_index"] for kind in (*EVENTS, "dead_letter")]
    return sum(pc.sum(pc.equal(index, 0)).as_py() or 0 for index in indexes)


def count_unknown_fields(rows: Mapping[str, pa.Table]) -> int:
    return sum(pc.sum(rows[kind]["unknown_fields"]).as_py() or 0 for kind in EVENTS)


def count_events(rows: Mapping[str, pa.Table]) -> int:
    return sum(len(rows[kind]) for kind in EVENTS)


def refused(dead_letters: pa.Table) -> pa.Table:
    """Returns the dead letters to store. The others, without a reason, are ignored parts of records."""
    return dead_letters.filter(pc.is_valid(dead_letters["reason"]))


def event_time_bounds(rows: Mapping[str, pa.Table]) -> dict[str, datetime | None]:
    """Returns the batch's first and last event times, named as in RECORD_BATCH; null for a kind without events.

    Refunds have no watermark, because no join reads them.
    """
    bounds: dict[str, datetime | None] = {}
    for kind in ("click", "checkout"):
        times = pc.min_max(rows[kind][f"{kind}_timestamp"]).as_py()
        bounds |= {f"first_{kind}": times["min"], f"last_{kind}": times["max"]}
    return bounds
