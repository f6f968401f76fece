"""Counts of the rows that a replay stored, and the places of refused events in the files."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.rows import class_row

from local.check.summary import MAX_EXAMPLES
from local.event_files import event_file
from local.event_files.rows import BrokenFileError
from runtime.attribution_job.events.framing import unpack

TOTALS: LiteralString = """
select coalesce(sum(records), 0)::bigint as records, coalesce(sum(clicks), 0)::bigint as clicks,
       coalesce(sum(checkouts), 0)::bigint as checkouts, coalesce(sum(refunds), 0)::bigint as refunds,
       coalesce(sum(duplicates), 0)::bigint as duplicates, coalesce(sum(late), 0)::bigint as late,
       coalesce(sum(ignored), 0)::bigint as ignored, coalesce(sum(repaired), 0)::bigint as repaired,
       coalesce(sum(revisions), 0)::bigint as revisions,
       (select count(*) from raw_clicks where is_bot) as robots_clicks,
       (select count(*) from attributed_checkouts where test) as test_orders,
       (select count(*) from attributed_checkouts where not test) as output_rows,
       (select count(click_id) from attributed_checkouts where not test) as attributed
  from batches
"""
REFUSALS: LiteralString = "select reason, count(*) from dead_letters group by reason order by count(*) desc, reason"
REPAIRS: LiteralString = """
select reason, sum(events)::bigint
  from event_accounts
 where outcome = 'repaired'
 group by reason
 order by sum(events) desc, reason
"""
CONFLICTS: LiteralString = """
select event_kind, count(*), (array_agg(event_id order by event_id))[:%(limit)s]
  from conflicts
 group by event_kind
 order by event_kind
"""
EXAMPLES: LiteralString = """
select reason, data
  from (select *, row_number() over (partition by reason order by stream_name, sequence_number, record_index)
          from dead_letters) letter
 where row_number <= %(limit)s
"""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """Counts of events, each from all batches of the job. `duplicates` include conflicting events and revisions."""

    records: int
    clicks: int
    checkouts: int
    refunds: int
    duplicates: int
    late: int
    ignored: int
    repaired: int
    revisions: int
    robots_clicks: int
    test_orders: int
    output_rows: int
    attributed: int

    @property
    def accepted(self) -> int:
        return self.clicks + self.checkouts + self.refunds


@dataclass(frozen=True, kw_only=True)
class StoredCounts:
    """`refusals`, `repairs`: numbers of events by reason, the largest first. `places`: examples of refused events.

    `conflicts`: by kind of event, the number of conflicts and a few ids.
    """

    totals: Totals
    refusals: Mapping[str, int]
    places: Mapping[str, list[str]]
    repairs: Mapping[str, int]
    conflicts: Mapping[str, tuple[int, list[str]]]


def read(connection: psycopg.Connection, paths: Sequence[Path]) -> StoredCounts:
    limit = {"limit": MAX_EXAMPLES}
    (totals,) = connection.cursor(row_factory=class_row(Totals)).execute(TOTALS).fetchall()
    return StoredCounts(
        totals=totals,
        refusals=dict(connection.execute(REFUSALS).fetchall()),
        places=_places(connection.execute(EXAMPLES, limit).fetchall(), paths),
        repairs=dict(connection.execute(REPAIRS).fetchall()),
        conflicts={kind: (count, ids) for kind, count, ids in connection.execute(CONFLICTS, limit)},
    )


def _places(letters: Sequence[tuple[str, bytes]], paths: Sequence[Path]) -> Mapping[str, list[str]]:
    """Returns, by reason, the places of a few dead letters. Reads the files again to find their bytes."""
    places_by_content = find({bytes(data) for _, data in letters}, paths)
    places: defaultdict[str, list[str]] = defaultdict(list)
    for reason, data in letters:
        place = places_by_content.get(bytes(data))
        if place and place not in places[reason]:
            places[reason].append(place)
    return places


def find(contents: set[bytes], paths: Sequence[Path]) -> Mapping[bytes, str]:
    """Returns the place of the first event with each of the given contents. Some may not be found."""
    places: dict[bytes, str] = {}
    for path in paths:
        if len(places) == len(contents):
            break
        with event_file.opened(path) as file:
            try:
                for row in file.rows:
                    for data in _contents(row.data):
                        if data in contents:
                            places.setdefault(data, f"{file.name}:{row.line}")
                    if len(places) == len(contents):
                        break
            except BrokenFileError:
                continue
    return places


def _contents(data: bytes | None) -> list[bytes]:
    """Returns a row's bytes, and the bytes of each event in it."""
    return [data, *(piece.data for piece in unpack(data))] if data else []
