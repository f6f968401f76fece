"""Events that follow another event: revisions, cancellations and refunds of orders, copies, and conflicts."""

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from runtime.data_generator.events import AMOUNT_FIELD, Event, Kind, page_url, refund, total_of
from runtime.data_generator.shop import browse

# Shares of the checkouts, at variety 1.
TEST_ORDERS = 0.005
REVISED = 0.02
REVISED_TWICE = 0.2  # of the revised ones
CANCELLED = 0.01
REFUNDED = 0.04
# Of the refunds: all of the order, a part of it, two parts.
REFUND_PARTS = (0, 1, 2)
REFUND_PARTS_WEIGHTS = (50, 30, 20)
REFUNDED_FIRST = 0.1
# Shares of all events.
COPIED = 0.005
CONFLICTING = 0.001
# A correction comes within this time, and within the period.
DELAY_MS = 4 * 60_000
# A refund that is published before its checkout comes within this time before it.
LEAD_MS = 2_000


class Correction(NamedTuple):
    """An event about an earlier one. `delay`: milliseconds after that one; negative if it is published before it."""

    delay: int
    kind: Kind
    event: Event


def correct(sale: Event, time_left: int, variety: float, rng: random.Random) -> Iterator[Correction]:
    """Yields what is sent about a checkout later.

    A revision has another total. A cancellation repeats the newest revision with `cancelled`. Refunds add up to the
    newest total at most. `time_left`: the milliseconds until the period ends.
    """
    delays = sorted(rng.randrange(max(1, min(DELAY_MS, time_left))) for _ in range(3))
    newest = sale
    if rng.random() < REVISED * variety:
        for revision in range(1, 3 if rng.random() < REVISED_TWICE else 2):
            newest = _revise(newest, revision)
            yield Correction(delays[revision - 1], "checkout", newest)
    if rng.random() < CANCELLED * variety:
        yield Correction(delays[2], "checkout", newest | {"cancelled": True})
    if rng.random() < REFUNDED * variety:
        if rng.random() < REFUNDED_FIRST:
            delays[0] = -rng.randrange(1, LEAD_MS)
        for delay, letter, amount in zip(delays, "ab", _refunded_amounts(newest, rng), strict=False):
            refund_id = f"rfd{sale['checkout_id'].removeprefix('chk')}{letter}"
            yield Correction(delay, "refund", refund(refund_id, newest, amount))


def repeat(kind: Kind, event: Event, variety: float, rng: random.Random) -> Event | None:
    """Returns, rarely, an event that is sent again under the same id: the same, or one with other content."""
    fate = rng.random()
    if fate < COPIED * variety:
        return event
    return contradict(kind, event, rng) if fate < (COPIED + CONFLICTING) * variety else None


def _revise(sale: Event, revision: int) -> Event:
    """Returns a revision with one more piece of the first product, and so with another total."""
    first, *others = sale["items"]
    items = [first | {"quantity": first["quantity"] + 1}, *others]
    return sale | {"revision": revision, "items": items, "total_amount": total_of(items)}


def _refunded_amounts(sale: Event, rng: random.Random) -> list[Decimal]:
    total = Decimal(sale["total_amount"])
    parts = rng.choices(REFUND_PARTS, REFUND_PARTS_WEIGHTS)[0]
    return [round(total * rng.randint(10, 50) / 100, 2) for _ in range(parts)] if parts else [total]


def contradict(kind: Kind, event: Event, rng: random.Random) -> Event:
    """Returns an event with the same id, and of the same revision, that says something else."""
    if kind == "click":
        product = browse(rng)
        # Another page, even if the product is the same.
        return event | {"product_id": product.product_id, "page_url": f"{page_url(product)}/reviews"}
    field = AMOUNT_FIELD[kind]
    return event | {field: str(Decimal(event[field]) + 1)}
