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


def unknown_names(rows: Mapping[str, pa.Table]) -> list[tuple[str, str]]:
    """Returns the distinct pairs of a kind of event and the name of an unknown field, sorted."""
    pairs = set()
    for kind in EVENTS:
        for names in rows[kind]["unknown_names"].unique().to_pylist():
            pairs |= {(kind, name) for name in names.split(",")} if names else set()
    return sorted(pairs)


def without_names(rows: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Returns the rows that slices store. The names of unknown fields are stored with the batch."""
    return {kind: table.drop_columns("unknown_names") if kind in EVENTS else table for kind, table in rows.items()}


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
