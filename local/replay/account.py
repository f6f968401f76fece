"""What became of every line of a replay."""

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

MOST_EXAMPLES = 3

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
 where row_number <= %(most)s
"""


@dataclass
class Sent:
    """The lines on their way to Kinesis. `oversized` says where the lines are that no record can hold."""

    lines: int = 0
    blank: int = 0
    published: int = 0
    oversized: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """What PostgreSQL has of it. `dead_letters`: how many by reason; `examples`: where a few of them are."""

    accepted: int
    duplicates: int
    late: int
    checkouts: int
    attributed: int
    dead_letters: Mapping[str, int]
    examples: Mapping[str, list[str]]


def read_arrived(
    connection: psycopg.Connection, streams: Mapping[Stream, str], paths: Mapping[Stream, Path]
) -> Arrived:
    ((accepted, duplicates, late, checkouts, attributed),) = connection.execute(TOTALS).fetchall()
    return Arrived(
        accepted=accepted,
        duplicates=duplicates,
        late=late,
        checkouts=checkouts,
        attributed=attributed,
        dead_letters=dict(connection.execute(REASONS).fetchall()),
        examples=_examples(connection, streams, paths),
    )


def is_complete(sent: Sent, arrived: Arrived) -> bool:
    refused = sum(arrived.dead_letters.values())
    return (
        sent.lines == sent.blank + len(sent.oversized) + sent.published
        and sent.published == arrived.accepted + arrived.duplicates + refused
    )


def table(sent: Sent, arrived: Arrived, seconds: float) -> Table:
    account = Table(title="Account", box=box.ROUNDED, title_justify="left")
    account.add_column("")
    account.add_column("count", justify="right")
    account.add_column("what it says", style="dim", overflow="fold")
    for name, count, meaning in (
        ("lines read", sent.lines, "of both files"),
        ("blank", sent.blank, "skipped"),
        ("published", sent.published, "records in Kinesis"),
        ("accepted", arrived.accepted, "events, each id once"),
        ("duplicates", arrived.duplicates, "of an id that was there already; the first stands"),
        ("late", arrived.late, "behind the watermark: accepted, and credited all the same"),
    ):
        account.add_row(name, f"{count:,}", meaning)
    account.add_section()
    refused = dict(arrived.dead_letters)
    examples = dict(arrived.examples)
    if sent.oversized:
        refused["oversized"], examples["oversized"] = len(sent.oversized), sent.oversized[:MOST_EXAMPLES]
    account.add_row("dead letters", f"{sum(refused.values()):,}", "refused, by reason")
    for reason, count in refused.items():
        account.add_row("", f"{count:,}", f"{reason} ({', '.join(examples.get(reason, []))})")
    account.add_section()
    account.add_row("checkouts", f"{arrived.checkouts:,}", "rows in the output")
    account.add_row("attributed", f"{arrived.attributed:,}", "credited to a first click")
    account.add_row("unattributed", f"{arrived.checkouts - arrived.attributed:,}", "no click in the hour before")
    account.add_row("seconds", f"{seconds:,.1f}", "all in all")
    return account


def _examples(
    connection: psycopg.Connection, streams: Mapping[Stream, str], paths: Mapping[Stream, Path]
) -> Mapping[str, list[str]]:
    """By reason, the lines that the first few dead letters were: one more reading finds their bytes."""
    kinds = {name: kind for kind, name in streams.items()}
    letters = [
        (reason, kinds[name], bytes(data))
        for reason, name, data in connection.execute(EXAMPLES, {"most": MOST_EXAMPLES})
    ]
    numbers = {
        kind: _line_numbers(path, {data for _, of, data in letters if of == kind}) for kind, path in paths.items()
    }
    found: defaultdict[str, set[tuple[Stream, int]]] = defaultdict(set)
    for reason, kind, data in letters:
        found[reason].add((kind, numbers[kind][data]))
    return {
        reason: [f"{paths[kind].name}:{number}" for kind, number in sorted(places)] for reason, places in found.items()
    }


def _line_numbers(path: Path, wanted: set[bytes]) -> dict[bytes, int]:
    numbers: dict[bytes, int] = {}
    with open_lines(path) as file:
        for line in read_lines(file):
            if len(numbers) == len(wanted):
                break
            if line.data in wanted:
                numbers.setdefault(line.data, line.number)
    return numbers
