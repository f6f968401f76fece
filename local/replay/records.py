"""The records of a replay: rows of event files, in an order that mixes all files evenly."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from local.check.summary import Reasons
from local.check.verdicts import Judge
from local.event_files.event_file import EventFile
from local.event_files.routing import Routed, id_text, route
from local.event_files.rows import OVERSIZED, BrokenFileError, Row
from runtime.attribution_job.events.framing import unpack
from runtime.attribution_job.events.mapping import EventMapping, Mapped
from runtime.attribution_job.events.validation import RefusedError, parse_object
from runtime.data_generator.events import Stream
from runtime.data_generator.publishing import MAX_RECORD_BYTES
from runtime.data_generator.simulation import Record

MAX_KEY_CHARACTERS = 256
# Bounds of one chunk of records held in memory before it is published.
CHUNK_RECORDS = 2_000
CHUNK_BYTES = 8 * 1024 * 1024


class Source(NamedTuple):
    """An open event file, and its judge, which knows the kind of rows that tell none."""

    file: EventFile
    judge: Judge


@dataclass
class LineCounts:
    """Lines of the files by outcome, before they are published.

    `lines`: lines, rows of tables, and elements of arrays. `split`: records more than lines, of lines whose events
    belong to both streams. `events`: events in the published records. `unreadable`: lines that cannot be a record.
    `broken`: messages about files whose rest cannot be read. `share`: of all files
    that was read.
    """

    lines: int = 0
    blank: int = 0
    split: int = 0
    published: int = 0
    events: int = 0
    unreadable: Reasons = field(default_factory=Reasons)
    broken: list[str] = field(default_factory=list)
    share: float = 0.0


def interleave(sources: Sequence[Source], counts: LineCounts) -> Iterator[tuple[Source, Row]]:
    """Yields the rows of all files, and reads all files to the same share of their size.

    The rows of each file keep their order. Files that are sorted by time thus reach the job about in event-time order,
    with few late events.
    """

    def by_share(file: EventFile, index: int) -> Iterator[tuple[float, int, Row]]:
        try:
            for row in file.rows:
                yield file.share(row), index, row
        except BrokenFileError as error:
            counts.broken.append(str(error))

    for counts.share, index, row in heapq.merge(
        *(by_share(source.file, index) for index, source in enumerate(sources))
    ):
        yield sources[index], row


def to_records(rows: Iterable[tuple[Source, Row]], counts: LineCounts) -> Iterator[Record]:
    """Yields the records of the rows. Counts all rows, and those that are no record, in `counts`."""
    for source, row in rows:
        counts.lines += 1
        place = f"{source.file.name}:{row.line}"
        if row.is_blank:
            counts.blank += 1
        elif row.data is None:
            counts.unreadable.add(row.reason or OVERSIZED, place)
        elif records := _records(row, row.data, source.judge):
            counts.split += len(records) - 1
            counts.events += sum(events for _, events in records)
            yield from (record for record, _ in records)
        else:
            counts.unreadable.add(OVERSIZED, place)


def _records(row: Row, data: bytes, judge: Judge) -> list[tuple[Record, int]]:
    """Returns the records of a row, each with its number of events; none if one would be too large."""
    if judge.mapping:
        routed, events = _mapped(data, judge.mapping)
        planned = [(routed, events)]
    else:
        planned = [(routed, len(unpack(routed.data))) for routed in route(data, judge.default_kind)]
    records = [
        (Record(routed.stream, partition_key(routed, row), routed.data, late=False, defect=None), events)
        for routed, events in planned
    ]
    sizes = [len(record.data) + len(record.partition_key.encode()) for record, _ in records]
    return records if max(sizes) <= MAX_RECORD_BYTES else []


def _mapped(data: bytes, mapping: EventMapping) -> tuple[Routed, int]:
    """Routes a foreign record by its first event, and counts its events, with those that the mapping leaves out."""
    events_by_piece = [_mapped_events(piece.data, mapping) for piece in unpack(data)]
    first = next((event for events in events_by_piece for event in events), None)
    user_id = id_text(first.event.get("user_id")) if first else None
    stream: Stream = "checkouts" if first and first.kind != "click" else "clicks"
    return Routed(stream, 0, data, user_id), sum(max(1, len(events)) for events in events_by_piece)


def _mapped_events(data: bytes, mapping: EventMapping) -> list[Mapped]:
    try:
        return mapping.apply(parse_object(data))
    except RefusedError:
        return []


def partition_key(routed: Routed, row: Row) -> str:
    """Returns the event's user, or a key from the row's line if the event has no user that can be a key."""
    user_id = routed.user_id or ""
    is_text = not any("\ud800" <= character <= "\udfff" for character in user_id)
    return user_id if 1 <= len(user_id) <= MAX_KEY_CHARACTERS and is_text else f"line-{row.line}"


def chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Groups the records in chunks of bounded number and size."""
    chunk: list[Record] = []
    size = 0
    for record in records:
        chunk.append(record)
        size += len(record.data)
        if len(chunk) == CHUNK_RECORDS or size > CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
