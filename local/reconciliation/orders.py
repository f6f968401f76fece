"""Orders after their first event: revisions, cancellations, refunds and conflicts (section 3 of the event contract)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from local.reconciliation.contract import Content, Event

# The events of one kind and id, by shard, in the order of the shard. The order between shards is not defined.
ByShard: TypeAlias = Mapping[str, Sequence[Event]]

# Details of a checkout that stay those of its first event when a higher revision comes.
DETAILS_OF_FIRST = ("arrived_at", "stated_timestamp", "repairs")


class Net(NamedTuple):
    """The rest of an order's amount after its refunds. `excess`: the refunds beyond the amount."""

    gross: Decimal
    refunded: Decimal
    excess: Decimal
    net: Decimal


def possible_rows(by_shard: ByShard) -> list[Event]:
    """Returns the rows that PostgreSQL may hold of the events with one id.

    Its user and time are those of the first event of a shard. A checkout's other values are those of the first event
    with the highest revision.
    """
    events = [event for in_shard in by_shard.values() for event in in_shard]
    highest = max(event.revision for event in events)
    latest = [
        next(event for event in in_shard if event.revision == highest)
        for in_shard in by_shard.values()
        if any(event.revision == highest for event in in_shard)
    ]
    cancelled = any(event.cancelled for event in events)
    return [
        replace(
            revision,
            user_id=first.user_id,
            at=first.at,
            cancelled=cancelled,
            details={
                **revision.details,
                **{name: first.details[name] for name in DETAILS_OF_FIRST if name in first.details},
            },
        )
        for first in (in_shard[0] for in_shard in by_shard.values())
        for revision in ([first] if first.revision == highest else latest)
    ]


def conflict_bounds(by_shard: ByShard) -> tuple[int, int]:
    """Returns the smallest and the largest number of conflicts that the events with one id may leave.

    The events of the highest revision conflict with the first of them, in any order. An event of a lower revision is a
    conflict only if it comes before the next revision. User and time are no content of a revision above 0, because a
    revision does not change them.
    """
    contents: dict[int, set[Content]] = {}
    for in_shard in by_shard.values():
        for event in in_shard:
            contents.setdefault(event.revision, set()).add(event.content)
    highest = max(contents)
    changes = {content[2:] if highest else content for content in contents[highest]}
    return len(changes) - 1, sum(map(len, contents.values())) - len(contents)


def net_amounts(checkouts: Iterable[Event], refunds: Iterable[Event]) -> dict[str, Net]:
    """Returns, by checkout_id, what is left of each order that is no test.

    Refunds add up to at most the amount, and count in the currency of the order only. A cancelled order has nothing
    left.
    """
    requested: dict[tuple[str | None, str | None], Decimal] = {}
    for refund in refunds:
        key = (refund.checkout_id, refund.currency)
        requested[key] = requested.get(key, Decimal(0)) + (refund.amount or Decimal(0))
    net: dict[str, Net] = {}
    for checkout in checkouts:
        if not checkout.test:
            gross = checkout.amount or Decimal(0)
            total = requested.get((checkout.id, checkout.currency), Decimal(0))
            refunded = gross if checkout.cancelled else min(gross, total)
            net[checkout.id] = Net(gross, refunded, max(total - gross, Decimal(0)), gross - refunded)
    return net
