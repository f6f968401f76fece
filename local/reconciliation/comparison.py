"""Comparison of the published records with the rows in PostgreSQL.

It is independent of the generator's and the job's code: `contract` decides which records are acceptable, and `credit`
recomputes the credits. All functions are pure; `readback` reads the streams and the database.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from local.reconciliation.contract import Event, RefusedError, parse
from runtime.data_generator.events import Stream

WINDOW = timedelta(hours=1)
MAX_EXAMPLES = 10

Click: TypeAlias = tuple[datetime, str]  # (click_timestamp, click_id): the smallest candidate is the first click


class Record(NamedTuple):
    """A record read back from a stream."""

    stream: Stream
    shard: str
    sequence_number: str
    arrived_at: datetime
    partition_key: str
    data: bytes


@dataclass
class Published:
    """The records of both streams. `events`: by id and shard, the shard's first event with that id.

    The order between shards is not defined: the first event of any of the shards may be the one that PostgreSQL stores.
    `refused`: stream and sequence number of the records that break the contract.
    """

    records: int = 0
    events: dict[Stream, dict[str, dict[str, Event]]] = field(default_factory=lambda: {"clicks": {}, "checkouts": {}})
    refused: set[tuple[Stream, str]] = field(default_factory=set)

    @property
    def to_store(self) -> int:
        """Number of raw events and dead letters that PostgreSQL must hold in the end."""
        return sum(map(len, self.events.values())) + len(self.refused)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The rows in PostgreSQL. `dead_letters`: stream and sequence number. `attributed`: checkout and its click."""

    events: Mapping[Stream, Sequence[Event]]
    dead_letters: Sequence[tuple[Stream, str]]
    attributed: Sequence[tuple[Event, Click | None]]


@dataclass
class Reconciliation:
    """The result of the comparison. `examples`: descriptions of the first few faults."""

    published: int
    accepted: int
    repeated: int
    dead_lettered: int
    checkouts: int
    attributed: int
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def unattributed(self) -> int:
        return self.checkouts - self.attributed

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong)

    def add_lost(self, count: int, description: object) -> None:
        self.lost += count
        self._add_example("lost", count, description)

    def add_duplicated(self, count: int, description: object) -> None:
        self.duplicated += count
        self._add_example("duplicated", count, description)

    def add_wrong(self, description: object) -> None:
        self.wrong += 1
        self._add_example("wrong", 1, description)

    def _add_example(self, kind: str, count: int, description: object) -> None:
        if count and len(self.examples) < MAX_EXAMPLES:
            self.examples.append(f"{kind}: {description}")


def collect(records: Iterable[Record]) -> Published:
    """Divides the records into accepted events and refused records. `records` must be in order within each shard."""
    published = Published()
    for record in records:
        published.records += 1
        try:
            event = parse(record.stream, record.data, record.arrived_at)
        except RefusedError:
            published.refused.add((record.stream, record.sequence_number))
        else:
            published.events[record.stream].setdefault(event.id, {}).setdefault(record.shard, event)
    return published


def reconcile(published: Published, stored: Stored) -> Reconciliation:
    """Compares the published records with the stored rows.

    Lost: an event without its raw row, a refused record without its dead letter, or a checkout without its row in
    attributed_checkouts. Duplicated: a row in excess of the published records. Wrong: a row with unexpected values.
    """
    result = Reconciliation(
        published=published.records,
        accepted=sum(map(len, stored.events.values())),
        repeated=published.records - published.to_store,
        dead_lettered=len(stored.dead_letters),
        checkouts=len(stored.attributed),
        attributed=sum(click is not None for _, click in stored.attributed),
    )
    clicks = _compare_events("clicks", published, stored, result)
    checkouts = _compare_events("checkouts", published, stored, result)
    _compare_rows("dead letter", published.refused, stored.dead_letters, result)
    _compare_rows("attributed checkout", checkouts, [event.id for event, _ in stored.attributed], result)
    expected = credit(checkouts.values(), clicks.values())
    for event, click in stored.attributed:
        if event.id in checkouts and (event, click) != (checkouts[event.id], expected[event.id]):
            result.add_wrong(f"{event} credited to {click} instead of {expected[event.id]}")
    return result


def credit(checkouts: Iterable[Event], clicks: Iterable[Event]) -> dict[str, Click | None]:
    """Returns, by checkout_id, the first click of the same user in the hour before the checkout, or None.

    Both ends of the hour are included.
    """
    by_user: defaultdict[str, list[Click]] = defaultdict(list)
    for click in clicks:
        by_user[click.user_id].append((click.at, click.id))
    for candidates in by_user.values():
        candidates.sort()
    credited: dict[str, Click | None] = {}
    for checkout in checkouts:
        candidates = by_user.get(checkout.user_id, [])
        first = bisect_left(candidates, (checkout.at - WINDOW, ""))
        is_credited = first < len(candidates) and candidates[first][0] <= checkout.at
        credited[checkout.id] = candidates[first] if is_credited else None
    return credited


def _compare_events(stream: Stream, published: Published, stored: Stored, result: Reconciliation) -> dict[str, Event]:
    """Returns the valid event of each published id: the stored one if it was published, else a published one."""
    expected = published.events[stream]
    valid = {event_id: next(iter(by_shard.values())) for event_id, by_shard in expected.items()}
    for event in stored.events[stream]:
        if event.id in expected:
            if event in expected[event.id].values():
                valid[event.id] = event
            else:
                result.add_wrong(f"{event} in raw_{stream} instead of {valid[event.id]}")
    _compare_rows(f"row of raw_{stream}", expected, [event.id for event in stored.events[stream]], result)
    return valid


def _compare_rows(kind: str, expected: Iterable[object], stored: Iterable[object], result: Reconciliation) -> None:
    """Checks that `stored` has each expected key exactly once, and no other key."""
    rows = Counter(stored)
    for key in expected:
        count = rows.pop(key, 0)
        if count == 0:
            result.add_lost(1, f"{kind} {key}")
        elif count > 1:
            result.add_duplicated(count - 1, f"{kind} {key}")
    for key, count in rows.items():
        result.add_duplicated(count, f"{kind} {key}, which was never published")
