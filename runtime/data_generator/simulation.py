"""Simulates the visits, clicks and purchases of one invocation. Deterministic: equal arguments give equal bytes."""

import hashlib
import json
import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from runtime.data_generator import shop
from runtime.data_generator.defects import encode_with_random_defect
from runtime.data_generator.events import (
    TIMESTAMP_FIELD,
    Event,
    Stream,
    checkout,
    click,
    encode,
    timestamp,
    to_milliseconds,
)
from runtime.data_generator.invocation import Invocation
from runtime.data_generator.settings import Settings

# Records are published in the order of their event times plus a random delay below this bound.
DISORDER_MS = 3_000
# Range of the distance between a late event and the period's start. The previous invocation's events have advanced
# the consumer to the period's start, and the watermark is 5 minutes behind that.
LATE_MS = (5 * 60_000, 60 * 60_000)

VISIT_CLICKS = (1, 2, 3, 4, 5, 8, 12, 20)
VISIT_CLICKS_WEIGHTS = (30, 20, 15, 10, 10, 8, 5, 2)
PURCHASES = (1, 2, 3)
PURCHASES_WEIGHTS = (82, 15, 3)
# Visits of untracked users per visit of a tracked user. Untracked visits always buy: a tenth of the checkouts.
UNTRACKED_VISITS = 0.04


class Record(NamedTuple):
    """A record to publish. `defect` is a name in defects.DEFECTS for malformed records, else None."""

    stream: Stream
    partition_key: str
    data: bytes
    late: bool
    defect: str | None


class Visit(NamedTuple):
    """One session of a shopper, with its numbers of clicks and purchases."""

    shopper: shop.Shopper
    channel: shop.Channel
    clicks: int
    purchases: int


def fingerprint(settings: Settings, invocation: Invocation) -> str:
    """Returns a hex digest of everything that determines the records. It is their random seed and part of their ids."""
    shape = settings.model_dump(exclude={"clicks_stream", "checkouts_stream"})
    identity = json.dumps([invocation.id, invocation.time.isoformat(), shape], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()


def simulate(settings: Settings, invocation: Invocation) -> list[Record]:
    """Returns the records of one invocation in publishing order.

    There are exactly `settings.clicks` clicks, malformed clicks included, and about a tenth as many checkouts.
    Event times lie in the period that ends at the invocation's time. Late events lie before that period. Ids
    are `clk-`, `chk-` or `ses-`, 16 hex digits of the fingerprint, and an ordinal.
    """
    digest = fingerprint(settings, invocation)
    rng = random.Random(int(digest, 16))  # noqa: S311 - a simulation, not a secret
    end = to_milliseconds(invocation.time)
    start = end - settings.period_seconds * 1000
    arrivals = [
        (at + rng.randrange(DISORDER_MS), _record(stream, at, event, settings=settings, start=start, rng=rng))
        for stream, at, event in _events(settings, start, end, digest[:16], rng)
    ]
    arrivals.sort(key=lambda arrival: arrival[0])
    return [record for _, record in arrivals]


def _events(
    settings: Settings, start: int, end: int, root: str, rng: random.Random
) -> Iterator[tuple[Stream, int, Event]]:
    """Yields (stream, event time in milliseconds since 1970, event without its timestamp)."""
    click_ids = (f"clk-{root}-{ordinal:06d}" for ordinal in count())
    checkout_ids = (f"chk-{root}-{ordinal:06d}" for ordinal in count())
    session_ids = (f"ses-{root}-{ordinal:06d}" for ordinal in count())
    for visit, session_id in zip(_visits(settings, rng), session_ids, strict=False):
        viewed: list[shop.Product] = []
        for at, is_click in _timeline(visit, start, end, rng):
            if is_click:
                product = shop.browse(rng)
                viewed.append(product)
                event = click(next(click_ids), session_id, visit.shopper, visit.channel, product)
                yield "clicks", at, event
            else:
                basket = shop.fill_basket(viewed, rng)
                yield "checkouts", at, checkout(next(checkout_ids), session_id, visit.shopper, basket)


def _visits(settings: Settings, rng: random.Random) -> Iterator[Visit]:
    """Yields visits with `settings.clicks` clicks in total."""
    clicks_left = settings.clicks
    while clicks_left:
        shopper = shop.shopper(settings.seed, shop.tracked_user(settings.users, rng))
        channel = shop.arrival_channel(shopper, rng)
        clicks = min(clicks_left, rng.choices(VISIT_CLICKS, VISIT_CLICKS_WEIGHTS)[0])
        clicks_left -= clicks
        yield Visit(shopper, channel, clicks, _purchases(rng) if rng.random() < channel.conversion else 0)
        if settings.users >= shop.UNTRACKED_EVERY and rng.random() < UNTRACKED_VISITS:
            shopper = shop.shopper(settings.seed, shop.untracked_user(settings.users, rng))
            yield Visit(shopper, shopper.home_channel, 0, _purchases(rng))


def _purchases(rng: random.Random) -> int:
    return rng.choices(PURCHASES, PURCHASES_WEIGHTS)[0]


def _timeline(visit: Visit, start: int, end: int, rng: random.Random) -> list[tuple[int, bool]]:
    """Returns the visit's steps in time order, as (milliseconds since 1970, True for a click, False for a purchase).

    Some purchases are followed by clicks. A tracked user's first step is always a click.
    """
    steps = [True] * visit.clicks
    for _ in range(visit.purchases):
        early = rng.random() < 0.3
        steps.insert(rng.randint(min(1, visit.clicks), len(steps)) if early else len(steps), False)
    length = min(end - start, int(len(steps) * rng.uniform(2_000, 20_000)))
    first = start + int((end - start - length) * rng.random())
    times = sorted(first + int(length * rng.random()) for _ in steps)
    return list(zip(times, steps, strict=True))


def _record(stream: Stream, at: int, event: Event, *, settings: Settings, start: int, rng: random.Random) -> Record:
    """Returns the event as a record with its timestamp. A random share is malformed, and a random share late."""
    malformed = rng.random() < settings.malformed_share
    late = not malformed and rng.random() < settings.late_share
    if late:
        at = start - rng.randint(*LATE_MS)
    event[TIMESTAMP_FIELD[stream]] = timestamp(at)
    defect, data = encode_with_random_defect(stream, event, rng) if malformed else (None, encode(event))
    return Record(stream, event["user_id"], data, late, defect)
