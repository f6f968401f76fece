"""Was everything that was published accounted for, and every checkout credited as the rule says?

Independent of the generator's and the job's code: what the streams accepted is judged by `contract`, credit
is computed anew, and both are compared with what PostgreSQL holds. Pure; `readback` reads the two ends.
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
MOST_EXAMPLES = 10

Click: TypeAlias = tuple[datetime, str]  # its time and its id, which is also the order of candidates


class Record(NamedTuple):
    """A record as a stream gives it back."""

    stream: Stream
    shard: str
    sequence_number: str
    arrived_at: datetime
    partition_key: str
    data: bytes


@dataclass
class Published:
    """What the streams hold. `events`: by id and shard, the first; which shard's comes first is open."""

    records: int = 0
    events: dict[Stream, dict[str, dict[str, Event]]] = field(default_factory=lambda: {"clicks": {}, "checkouts": {}})
    refused: set[tuple[Stream, str]] = field(default_factory=set)

    @property
    def to_store(self) -> int:
        """Rows that PostgreSQL holds when all of it has arrived: raw events and dead letters."""
        return sum(map(len, self.events.values())) + len(self.refused)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What PostgreSQL holds. `dead_letters`: stream and sequence number. `attributed`: with its click."""

    events: Mapping[Stream, Sequence[Event]]
    dead_letters: Sequence[tuple[Stream, str]]
    attributed: Sequence[tuple[Event, Click | None]]


@dataclass
class Reconciliation:
    """`examples` describes the first few of what is lost, duplicated or wrong."""

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

    def add_lost(self, count: int, what: object) -> None:
        self.lost += count
        self._add_example("lost", count, what)

    def add_duplicated(self, count: int, what: object) -> None:
        self.duplicated += count
        self._add_example("duplicated", count, what)

    def add_wrong(self, what: object) -> None:
        self.wrong += 1
        self._add_example("wrong", 1, what)

    def _add_example(self, kind: str, count: int, what: object) -> None:
        if count and len(self.examples) < MOST_EXAMPLES:
            self.examples.append(f"{kind}: {what}")


def collect(records: Iterable[Record]) -> Published:
    """Sorts what the streams hold, in each shard's order, into acceptable events and others."""
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
    """Compares the two.

    Lost: an event without its raw row, a refused record without its dead letter, a checkout without its row
    in attributed_checkouts. Duplicated: a row too many. Wrong: a row that says something else than it should.
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
    """The rule: by checkout_id, the first click of the same user in the hour before, both ends included."""
    by_user: defaultdict[str, list[Click]] = defaultdict(list)
    for click in clicks:
        by_user[click.user_id].append((click.at, click.id))
    for candidates in by_user.values():
        candidates.sort()
    credited: dict[str, Click | None] = {}
    for checkout in checkouts:
        candidates = by_user.get(checkout.user_id, [])
        first = bisect_left(candidates, (checkout.at - WINDOW, ""))
        found = first < len(candidates) and candidates[first][0] <= checkout.at
        credited[checkout.id] = candidates[first] if found else None
    return credited


def _compare_events(stream: Stream, published: Published, stored: Stored, result: Reconciliation) -> dict[str, Event]:
    """The events that stand, by id: those stored, where they were published, or else the published ones."""
    expected = published.events[stream]
    standing = {event_id: next(iter(twins.values())) for event_id, twins in expected.items()}
    for event in stored.events[stream]:
        if event.id in expected:
            if event in expected[event.id].values():
                standing[event.id] = event
            else:
                result.add_wrong(f"{event} in raw_{stream} instead of {standing[event.id]}")
    _compare_rows(f"row of raw_{stream}", expected, [event.id for event in stored.events[stream]], result)
    return standing


def _compare_rows(what: str, expected: Iterable[object], stored: Iterable[object], result: Reconciliation) -> None:
    """Each expected key once in `stored`, and no other."""
    rows = Counter(stored)
    for key in expected:
        count = rows.pop(key, 0)
        if count == 0:
            result.add_lost(1, f"{what} {key}")
        elif count > 1:
            result.add_duplicated(count - 1, f"{what} {key}")
    for key, count in rows.items():
        result.add_duplicated(count, f"{what} {key}, which was never published")
