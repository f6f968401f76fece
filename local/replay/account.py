"""The account of a replay: the number of lines and events by outcome."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psycopg
from rich import box
from rich.table import Table

from local.replay.lines import open_lines, read_lines
from runtime.data_generator.events import Stream

MAX_EXAMPLES = 3

TOTALS: LiteralString = """
select coalesce(sum(clicks + checkouts), 0)::bigint, coalesce(sum(duplicates), 0)::bigint,
       coalesce(sum(late), 0)::bigint,
       (select count(*) from attributed_checkouts), (select count(click_id) from attributed_checkouts)
  from batches
"""
REASONS: LiteralString = "select reason, count(*) from dead_letters group by reason order by count(*) desc, reason"
EXAMPLES: LiteralString = """
select reason, stream_name, data
  from (select *, row_number() over (partition by reason order by stream_name, sequence_number)
          from dead_letters) letter
 where row_number <= %(limit)s
"""


@dataclass
class LineCounts:
    """Lines of the files by outcome. `oversized`: places of the lines that are too long for a record."""

    total: int = 0
    blank: int = 0
    published: int = 0
    oversized: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class StoredCounts:
    """Rows of the replay in PostgreSQL. `dead_letters`: their number by reason.

    `examples`: by reason, the places of a few dead letters in the files.
    """

    accepted: int
    duplicates: int
    late: int
    checkouts: int
    attributed: int
    dead_letters: Mapping[str, int]
    examples: Mapping[str, list[str]]


def read_stored(
    connection: psycopg.Connection, streams: Mapping[Stream, str], paths: Mapping[Stream, Path]
) -> StoredCounts:
    ((accepted, duplicates, late, checkouts, attributed),) = connection.execute(TOTALS).fetchall()
    return StoredCounts(
        accepted=accepted,
        duplicates=duplicates,
        late=late,
        checkouts=checkouts,
        attributed=attributed,
        dead_letters=dict(connection.execute(REASONS).fetchall()),
        examples=_examples(connection, streams, paths),
    )


def is_complete(lines: LineCounts, stored: StoredCounts) -> bool:
    """Returns whether every line of the files is accounted for."""
    refused = sum(stored.dead_letters.values())
    return (
        lines.total == lines.blank + len(lines.oversized) + lines.published
        and lines.published == stored.accepted + stored.duplicates + refused
    )


def table(lines: LineCounts, stored: StoredCounts, seconds: float) -> Table:
    account = Table(title="Account", box=box.ROUNDED, title_justify="left")
    account.add_column("")
    account.add_column("count", justify="right")
    account.add_column("meaning", style="dim", overflow="fold")
    for name, count, meaning in (
        ("lines read", lines.total, "in both files"),
        ("blank", lines.blank, "skipped lines"),
        ("published", lines.published, "records accepted by the two streams"),
        ("accepted", stored.accepted, "events stored, each id once"),
        ("duplicates", stored.duplicates, "records of an id that was already stored; the first stands"),
        ("late", stored.late, "events behind the watermark; accepted and credited"),
    ):
        account.add_row(name, f"{count:,}", meaning)
    account.add_section()
    refused = dict(stored.dead_letters)
    examples = dict(stored.examples)
    if lines.oversized:
        refused["oversized"], examples["oversized"] = len(lines.oversized), lines.oversized[:MAX_EXAMPLES]
    account.add_row("dead letters", f"{sum(refused.values()):,}", "refused records and lines, by reason")
    for reason, count in refused.items():
        account.add_row("", f"{count:,}", f"{reason} ({', '.join(examples.get(reason, []))})")
    account.add_section()
    account.add_row("checkouts", f"{stored.checkouts:,}", "rows in the output")
    account.add_row("attributed", f"{stored.attributed:,}", "checkouts credited to a first click")
    account.add_row(
        "unattributed", f"{stored.checkouts - stored.attributed:,}", "checkouts without a click in the hour before"
    )
    account.add_row("seconds", f"{seconds:,.1f}", "run time of the replay")
    return account


def _examples(
    connection: psycopg.Connection, streams: Mapping[Stream, str], paths: Mapping[Stream, Path]
) -> Mapping[str, list[str]]:
    """Returns, by reason, the places of the first few dead letters. Reads the files again to find their bytes."""
    kinds = {name: kind for kind, name in streams.items()}
    letters = [
        (reason, kinds[name], bytes(data))
        for reason, name, data in connection.execute(EXAMPLES, {"limit": MAX_EXAMPLES})
    ]
    numbers = {
        kind: _line_numbers(path, {data for _, letter_kind, data in letters if letter_kind == kind})
        for kind, path in paths.items()
    }
    places_by_reason: defaultdict[str, set[tuple[Stream, int]]] = defaultdict(set)
    for reason, kind, data in letters:
        places_by_reason[reason].add((kind, numbers[kind][data]))
    return {
        reason: [f"{paths[kind].name}:{number}" for kind, number in sorted(places)]
        for reason, places in places_by_reason.items()
    }


def _line_numbers(path: Path, contents: set[bytes]) -> dict[bytes, int]:
    """Returns the number of the first line with each of the given contents."""
    numbers: dict[bytes, int] = {}
    with open_lines(path) as file:
        for line in read_lines(file):
            if len(numbers) == len(contents):
                break
            if line.data in contents:
                numbers.setdefault(line.data, line.number)
    return numbers
