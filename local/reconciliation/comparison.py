"""Comparison of the published records with the rows in PostgreSQL.

It is independent of the generator's and the job's code: `contract` reads the records, `orders` applies revisions and
refunds, and `credit` recomputes the credits. All functions are pure; `readback` reads the streams and the database.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from local.reconciliation.contract import Event, Kind, read_record
from local.reconciliation.credits import Click, credit
from local.reconciliation.orders import Net, conflict_bounds, net_amounts, possible_rows
from runtime.data_generator.events import Stream

MAX_EXAMPLES = 10

KINDS: tuple[Kind, ...] = ("click", "checkout", "refund")

Place: TypeAlias = tuple[Stream, str, int]  # (stream, sequence number, index in the record)


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
    """The contents of both streams.

    `events`: number of events in the records, refused ones included. `ignored`: number of pieces of records that are no
    events, such as control messages. `accepted`: by kind, id and shard, the events in the order of the shard. The order
    between shards is not defined. `refused`: the places of the events that break the contract.
    """

    records: int = 0
    events: int = 0
    ignored: int = 0
    accepted: dict[Kind, dict[str, dict[str, list[Event]]]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )
    refused: set[Place] = field(default_factory=set)

    @property
    def to_store(self) -> int:
        """Number of raw events and dead letters that PostgreSQL must hold in the end."""
        return sum(map(len, self.accepted.values())) + len(self.refused)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The rows in PostgreSQL.

    `attributed`: each checkout and its click. `net`: checkout_id and amounts of each row of net_checkouts.
    `conflicts`: kind and id of each conflict.
    """

    events: Mapping[Kind, Sequence[Event]]
    dead_letters: Sequence[Place]
    attributed: Sequence[tuple[Event, Click | None]]
    net: Sequence[tuple[str, Net]]
    conflicts: Sequence[tuple[str, str]] = ()


@dataclass
class Reconciliation:
    """The result of the comparison.

    `published`: number of events in the streams, refused ones included. `ignored`: number of pieces of records that are
    no events. `examples`: descriptions of the first few faults.
    """

    published: int
    accepted: int
    repeated: int
    dead_lettered: int
    checkouts: int
    attributed: int
    records: int = 0
    ignored: int = 0
    refunds: int = 0
    conflicts: int = 0
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
    """Reads the events of all records. `records` must be in order within each shard."""
    published = Published()
    for record in records:
        published.records += 1
        for index, outcome in enumerate(read_record(record.stream, record.data, record.arrived_at)):
            if event := outcome.event:
                by_shard = published.accepted[event.kind].setdefault(event.id, {})
                by_shard.setdefault(record.shard, []).append(event)
            elif outcome.reason:
                published.refused.add((record.stream, record.sequence_number, index))
            published.events += bool(outcome.event or outcome.reason)
            published.ignored += not (outcome.event or outcome.reason)
    return published


def reconcile(published: Published, stored: Stored) -> Reconciliation:
    """Compares the published records with the stored rows.

    Lost: an event without its raw row, a refused event without its dead letter, or a checkout without its row in
    attributed_checkouts or net_checkouts. Duplicated: a row in excess of the published events. Wrong: a row with
    unexpected values.
    """
    result = Reconciliation(
        published=published.events,
        accepted=sum(map(len, stored.events.values())),
        repeated=published.events - published.to_store,
        dead_lettered=len(stored.dead_letters),
        checkouts=len(stored.attributed),
        attributed=sum(click is not None for _, click in stored.attributed),
        records=published.records,
        ignored=published.ignored,
        refunds=len(stored.events["refund"]),
        conflicts=len(stored.conflicts),
    )
    valid = {kind: _compare_events(kind, published, stored, result) for kind in KINDS}
    checkouts = valid["checkout"]
    _compare_rows("dead letter", published.refused, stored.dead_letters, result)
    _compare_rows("attributed checkout", checkouts, [event.id for event, _ in stored.attributed], result)
    expected = credit(checkouts.values(), valid["click"].values())
    for event, click in stored.attributed:
        if event.id in checkouts and (event, click) != (_attributed(checkouts[event.id]), expected[event.id]):
            result.add_wrong(f"{event} credited to {click} instead of {expected[event.id]}")
    net = net_amounts(checkouts.values(), valid["refund"].values())
    _compare_rows("net checkout", net, [checkout_id for checkout_id, _ in stored.net], result)
    for checkout_id, amounts in stored.net:
        if amounts != net.get(checkout_id, amounts):
            result.add_wrong(f"net checkout {checkout_id}: {amounts} instead of {net[checkout_id]}")
    _compare_conflicts(published, stored, result)
    return result


def _compare_events(kind: Kind, published: Published, stored: Stored, result: Reconciliation) -> dict[str, Event]:
    """Returns the valid row of each published id: the stored one if it is possible, else a possible one."""
    possible = {event_id: possible_rows(by_shard) for event_id, by_shard in published.accepted[kind].items()}
    valid = {event_id: rows[0] for event_id, rows in possible.items()}
    for event in stored.events[kind]:
        if event.id in possible:
            if event in possible[event.id]:
                valid[event.id] = event
            else:
                result.add_wrong(f"{event} in raw_{kind}s instead of {valid[event.id]}")
    _compare_rows(f"row of raw_{kind}s", possible, [event.id for event in stored.events[kind]], result)
    return valid


def _attributed(checkout: Event) -> Event:
    """Returns the columns of the checkout that attributed_checkouts has."""
    return Event("checkout", checkout.id, checkout.user_id, checkout.at, checkout.amount, checkout.currency,
                 test=checkout.test)  # fmt: skip


def _compare_conflicts(published: Published, stored: Stored, result: Reconciliation) -> None:
    """Checks the number of conflicts of each id."""
    counts = Counter(stored.conflicts)
    for kind in KINDS:
        for event_id, by_shard in published.accepted[kind].items():
            smallest, largest = conflict_bounds(by_shard)
            count = counts.pop((kind, event_id), 0)
            result.add_lost(max(smallest - count, 0), f"conflict of {kind} {event_id}")
            result.add_duplicated(max(count - largest, 0), f"conflict of {kind} {event_id}")
    for key, count in counts.items():
        result.add_duplicated(count, f"conflict of {key}, which was never published")


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
