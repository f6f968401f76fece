"""Counts of a micro-batch and of its slices."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Added:
    """Numbers of rows that a slice of a micro-batch added, by table.

    `credits` counts rows that were credited, or moved to an earlier click. `late` counts the new events before the
    watermark. `revisions` counts stored checkouts that a higher revision or a cancellation changed, and `repaired` the
    new events that needed a repair.
    """

    clicks: int
    checkouts: int
    refunds: int
    dead_letters: int
    credits: int
    late: int
    conflicts: int
    revisions: int
    repaired: int


@dataclass(frozen=True, kw_only=True)
class BatchCounts(Added):
    """Numbers of rows that all slices of a micro-batch added, and what the batch received.

    The rows include those of slices that an interrupted attempt committed. `records`, `ignored`, `duplicates` and
    `unknown_fields` count what the batch received. Events before `watermark` were late; it is the epoch until both
    streams have had an event.
    """

    records: int
    ignored: int
    duplicates: int
    unknown_fields: int
    watermark: datetime
