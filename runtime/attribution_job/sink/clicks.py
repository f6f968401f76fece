"""Preparation of a micro-batch's clicks for COPY directly into `raw_clicks`.

An `insert … on conflict` from a staging table takes half as long again: it writes each click twice, and inserts into
`raw_clicks` row by row.
"""

from datetime import date, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

# Columns of a received click that `raw_clicks` does not have.
NOT_STORED = {"day", "sequence_number", "record_index", "unknown_fields"}
# The order in which events under one id were received.
RECEIVED_ORDER = ["arrived_at", "sequence_number", "record_index"]


class Clicks(NamedTuple):
    """Clicks of a micro-batch, with the columns of `event_schema` and `day`.

    `new` has one click for each id of a day. `duplicates` have an id that is in `new` or stored already, on their day.
    """

    new: pa.Table
    duplicates: pa.Table


def first_of_each_id(clicks: pa.Table) -> Clicks:
    """Sorts clicks by id and day; the click of each id that was received first on a day is `new`."""
    ordered = clicks.sort_by([(name, "ascending") for name in ("click_id", "day", *RECEIVED_ORDER)])
    first = pc.or_(_starts_group(ordered["click_id"]), _starts_group(ordered["day"]))
    return Clicks(ordered.filter(first), ordered.filter(pc.invert(first)))


def exclude_stored(clicks: Clicks, day: date, stored_ids: list[str]) -> Clicks:
    """Moves clicks of a day with a stored id from `new` to `duplicates`."""
    if not stored_ids:
        return clicks
    ids = pa.array(stored_ids, clicks.new.schema.field("click_id").type)
    stored = pc.and_(pc.is_in(clicks.new["click_id"], ids), pc.equal(clicks.new["day"], day))
    return Clicks(
        clicks.new.filter(pc.invert(stored)), pa.concat_tables([clicks.duplicates, clicks.new.filter(stored)])
    )


def raw_rows(new: pa.Table, batch: dict[str, Any]) -> pa.Table:
    """Returns the clicks with the columns of `raw_clicks`."""
    stored = new.select([name for name in new.column_names if name not in NOT_STORED])
    late = pc.less(new["click_timestamp"], batch["watermark"])
    # Null in the transaction that began the batch: there the column's default is the same time.
    ingested_at = pa.repeat(pa.scalar(batch["ingested_at"], new.schema.field("click_timestamp").type), len(new))
    return stored.append_column("late", late).append_column("ingested_at", ingested_at)


def visits(new: pa.Table) -> pa.Table:
    """Returns each user's first and last click, with the columns of `staged_visits`. Leaves out robots' clicks."""
    ordered = people_only(new).sort_by([(name, "ascending") for name in ("user_id", "click_timestamp", "click_id")])
    is_first = _starts_group(ordered["user_id"])
    # A click is its user's last one when the next click starts a group, or when no click follows.
    is_last = pa.concat_arrays([is_first[1:], pa.repeat(True, min(1, len(is_first)))])
    first, last = ordered.filter(is_first), ordered.filter(is_last)
    return pa.table(
        {
            "user_id": first["user_id"],
            "first_at": first["click_timestamp"],
            "first_id": first["click_id"],
            "source": first["utm_source"],
            "medium": first["utm_medium"],
            "campaign": first["utm_campaign"],
            "last_at": last["click_timestamp"],
            "last_id": last["click_id"],
            "device": last["device_type"],
        }
    )


def duplicates_and_early(clicks: Clicks, batch: dict[str, Any]) -> pa.Table:
    """Returns the clicks that can change stored rows: duplicates, and people's clicks no later than a stored event."""
    times = batch["watermark"], batch["unseen_until"], batch["last_known_checkout"]
    early = people_only(not_later_than(clicks.new, *times))
    return pa.concat_tables([clicks.duplicates, early]).drop_columns("day")


def not_later_than(clicks: pa.Table, *times: datetime | None) -> pa.Table:
    """Returns the clicks up to the latest of `times`, or no clicks when all `times` are null."""
    latest = max(filter(None, times), default=None)
    return clicks.filter(pc.less_equal(clicks["click_timestamp"], latest)) if latest else clicks.slice(length=0)


def people_only(clicks: pa.Table) -> pa.Table:
    """Returns the clicks without those of robots."""
    return clicks.filter(pc.invert(clicks["is_bot"])) if pc.any(clicks["is_bot"]).as_py() else clicks


def _starts_group(ordered: pa.ChunkedArray) -> pa.Array:
    """Marks each value that differs from its predecessor, and the first value."""
    values = ordered.combine_chunks()
    first = pa.repeat(True, min(1, len(values)))
    return pa.concat_arrays([first, pc.not_equal(values[1:], values[:-1])])
