"""Simulates the visits, clicks and purchases of one invocation. Deterministic: equal arguments give equal bytes."""

import hashlib
import json
import random
from collections.abc import Iterator
from itertools import count

from runtime.data_generator import corrections, shop
from runtime.data_generator.defects import encode_with_random_defect
from runtime.data_generator.events import STREAM_OF, Event, Kind, checkout, click, encode, page_url, to_milliseconds
from runtime.data_generator.incidents import incident_of
from runtime.data_generator.invocation import Invocation
from runtime.data_generator.records import Arrival, Record, pack
from runtime.data_generator.senders import Sender
from runtime.data_generator.settings import Settings
from runtime.data_generator.visits import timeline, visits

__all__ = ["Record", "fingerprint", "simulate"]

# Records are published in the order of their event times plus a random delay below this bound.
DISORDER_MS = 3_000
# Range of the distance between a late event and the period's start. The previous invocation's events have advanced
# the consumer to the period's start, and the watermark is 5 minutes behind that.
LATE_MS = (5 * 60_000, 60 * 60_000)
# Events that are sent again come within this time.
REPEATED_MS = 60_000


def fingerprint(settings: Settings, invocation: Invocation) -> str:
    """Returns a hex digest of everything that determines the records. It is their random seed and part of their ids."""
    shape = settings.model_dump(exclude={"clicks_stream", "checkouts_stream"}, exclude_none=True)
    identity = json.dumps([invocation.id, invocation.time.isoformat(), shape], sort_keys=True)
    return hashlib.sha256(identity.encode()).hexdigest()


def simulate(settings: Settings, invocation: Invocation) -> list[Record]:
    """Returns the records of one invocation in publishing order.

    Shoppers and robots make exactly `settings.clicks` clicks, malformed ones included, and about a tenth as many
    checkouts. Events that are sent again come on top: copies and conflicts of any event, and revisions, cancellations
    and refunds of checkouts. Nothing is sent again about a malformed event. A record can hold several events of one
    user; a malformed or late record holds one.

    Event times lie in the period that ends at the invocation's time. Late events lie before that period. The clocks of
    some visits are ahead: their times lie at least 6 minutes after the period. Ids are `clk-`, `chk-`, `ses-` or
    `rfd-`, 16 hex digits of the fingerprint, and an ordinal. A refund has its checkout's ordinal and a letter. A
    record's partition key is its user's id as text. All of this can be otherwise in an incident.
    """
    digest = fingerprint(settings, invocation)
    rng = random.Random(int(digest, 16))  # noqa: S311 - a simulation, not a secret
    end = to_milliseconds(invocation.time)
    simulation = _Simulation(settings, end - settings.period_seconds * 1000, end, digest[:16], rng)
    return pack(simulation.arrivals(), settings.variety, rng)


class _Simulation:
    """The period from `start` to `end`, in milliseconds since 1970."""

    def __init__(self, settings: Settings, start: int, end: int, root: str, rng: random.Random) -> None:
        self._incident = incident_of(settings)
        self._settings = settings.model_copy(update=self._incident.settings)
        self._start = start
        self._end = end
        self._root = root
        self._rng = rng

    def arrivals(self) -> Iterator[Arrival]:
        """Yields all records, each with one event, in no order."""
        click_ordinals, checkout_ordinals = count(), count()
        for session, visit in enumerate(visits(self._settings, self._rng)):
            session_id = self._id("ses", session)
            sender = self._incident.sender(visit.sender, self._settings, self._rng)
            viewed: list[shop.Product] = []
            for at, is_click in timeline(visit, self._start, self._end, self._rng):
                if is_click:
                    referrer = page_url(viewed[-1]) if viewed else visit.channel.referrer
                    viewed.append(shop.browse(self._rng))
                    click_id = self._id("clk", next(click_ordinals))
                    event = click(click_id, session_id, visit.shopper, visit.channel, viewed[-1], referrer=referrer)
                    yield from self._publish("click", event, at, sender)
                else:
                    basket = shop.fill_basket(viewed, self._rng)
                    event = checkout(self._id("chk", next(checkout_ordinals)), session_id, visit.shopper, basket)
                    yield from self._publish("checkout", event, at, sender)

    def _id(self, prefix: str, ordinal: int) -> str:
        return f"{prefix}-{self._root}-{ordinal:06d}"

    def _publish(self, kind: Kind, event: Event, at: int, sender: Sender) -> Iterator[Arrival]:
        """Yields an event and all that is sent about it later. A random share of the events is late."""
        arrives_at = at + self._rng.randrange(DISORDER_MS)
        time_left = self._end - at
        # A sender whose clock is ahead states no time behind the watermark.
        late = not sender.ahead_ms and self._rng.random() < self._settings.late_share
        if late:
            at = self._start - self._rng.randint(*LATE_MS)
        if kind == "checkout" and self._happens(corrections.TEST_ORDERS):
            event["test"] = True
        sent = list(self._send(kind, event, at, arrives_at, sender, late=late))
        yield from sent
        if kind != "checkout" or not self._settings.variety or any(arrival.record.defect for arrival in sent):
            return
        for delay, later_kind, later in corrections.correct(event, time_left, self._settings.variety, self._rng):
            is_refund = later_kind == "refund"
            stated = min(self._end, max(self._start, at + abs(delay))) if is_refund else at
            yield from self._send(later_kind, later, stated, arrives_at + delay, sender, late=late and not is_refund)

    def _send(
        self, kind: Kind, event: Event, at: int, arrives_at: int, sender: Sender, *, late: bool
    ) -> Iterator[Arrival]:
        """Yields an event as a record. A random share is malformed, and a random share of the others comes again.

        An event that is lost in an incident gives no record.
        """
        stream, user = STREAM_OF[kind], event["user_id"]
        written = self._incident.event(kind, sender.write(kind, event, at, arrives_at))
        if written is None:
            return
        if self._rng.random() < self._settings.malformed_share:
            defect, data = encode_with_random_defect(kind, written, self._rng)
            yield Arrival(arrives_at, Record(stream, user, data, late=False, defect=defect))
            return
        yield Arrival(arrives_at, Record(stream, user, encode(written), late, defect=None))
        variety = self._settings.variety
        repeated = corrections.repeat(kind, event, variety, self._rng) if variety else None
        for again in (repeated, self._incident.again(kind, event, self._rng)):
            written = self._incident.event(kind, sender.write(kind, again, at, arrives_at)) if again else None
            if written:
                record = Record(stream, user, encode(written), late, defect=None)
                yield Arrival(arrives_at + self._rng.randrange(1, REPEATED_MS), record)

    def _happens(self, share: float) -> bool:
        return self._settings.variety > 0 and self._rng.random() < share * self._settings.variety
