"""A micro-batch's clicks, prepared so that COPY can put them into `raw_clicks` itself.

An `insert … on conflict` of staged rows takes half as long again: it writes them twice, and singly into the table.
"""

from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

# Of the events' columns, those that only the batch needs.
NOT_STORED = ["sequence_number", "unknown_fields"]


class Clicks(NamedTuple):
    """Both with the columns of `events.event_schema`. `repeated`: the click is stored already, or will be by `new`."""

    new: pa.Table
    repeated: pa.Table


def first_of_each_id(clicks: pa.Table) -> Clicks:
    """In the order of ids; of the clicks with one id the one with the lowest sequence number is `new`."""
    ordered = clicks.sort_by([("click_id", "ascending"), ("sequence_number", "ascending")])
    first = _begins(ordered["click_id"])
    return Clicks(ordered.filter(first), ordered.filter(pc.invert(first)))


def without(clicks: Clicks, known: list[str]) -> Clicks:
    """Those with a known id are repeated too."""
    if not known:
        return clicks
    again = pc.is_in(clicks.new["click_id"], pa.array(known, clicks.new.schema.field("click_id").type))
    return Clicks(clicks.new.filter(pc.invert(again)), pa.concat_tables([clicks.repeated, clicks.new.filter(again)]))


def to_store(new: pa.Table, watermark: datetime) -> pa.Table:
    """With the columns of `raw_clicks`."""
    return new.drop_columns(NOT_STORED).append_column("late", pc.less(new["click_timestamp"], watermark))


def visits(new: pa.Table) -> pa.Table:
    """What is known of each user from these clicks, with the columns of `staged_visits`."""
    ordered = new.sort_by([(name, "ascending") for name in ("user_id", "click_timestamp", "click_id")])
    begins = _begins(ordered["user_id"])
    first = ordered.filter(begins)
    last = ordered.filter(pa.concat_arrays([begins[1:], pa.repeat(True, min(1, len(begins)))]))
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


def early_or_repeated(clicks: Clicks, batch: dict[str, Any]) -> pa.Table:
    """Those that can concern what is stored already: repeated ones, and those that are no later than it."""
    early = up_to(clicks.new, batch["watermark"], batch["unseen_until"], batch["last_known_checkout"])
    return pa.concat_tables([clicks.repeated, early])


def up_to(clicks: pa.Table, *times: datetime | None) -> pa.Table:
    """Those that are no later than the latest of the times; none if there is no time."""
    latest = max(filter(None, times), default=None)
    return clicks.filter(pc.less_equal(clicks["click_timestamp"], latest)) if latest else clicks.slice(length=0)


def _begins(ordered: pa.ChunkedArray) -> pa.Array:
    """Whether a value is another one than that before it."""
    values = ordered.combine_chunks()
    first = pa.repeat(True, min(1, len(values)))
    return pa.concat_arrays([first, pc.not_equal(values[1:], values[:-1])])
