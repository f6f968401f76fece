"""Records to publish, and the packing of several events into one."""

import random
from collections.abc import Iterable
from typing import NamedTuple

from runtime.data_generator.events import Stream
from runtime.data_generator.framing import PACKINGS

# Share of the records that are packed, at variety 1.
PACKED = 0.02
# A packed record holds events of this time, and so many of them, at most.
PACKING_MS = 30_000
MAX_PACKED = 10


class Record(NamedTuple):
    """A record to publish. `defect` is a name in `defects.DEFECTS` for malformed records, else None.

    `events`: the number of events in it. `packed`: whether it is anything else than the JSON of one event.
    """

    stream: Stream
    partition_key: str
    data: bytes
    late: bool
    defect: str | None
    events: int = 1
    packed: bool = False


class Arrival(NamedTuple):
    """A record, and the time in milliseconds since 1970 by which records are ordered."""

    at: int
    record: Record


def pack(arrivals: Iterable[Arrival], variety: float, rng: random.Random) -> list[Record]:
    """Returns the records in the order of their arrival. Some are packed together.

    A packed record holds consecutive records of one user in one stream, so a user's events stay in order. It arrives
    with its last event. Malformed and late records are left alone.
    """
    batches: dict[tuple[Stream, str], list[Arrival]] = {}
    packed: list[Arrival] = []
    for arrival in sorted(arrivals, key=_time):
        at, record = arrival
        key = (record.stream, record.partition_key)
        batch = batches.get(key)
        if batch and (at - batch[0].at > PACKING_MS or len(batch) == MAX_PACKED):
            packed.append(_packed(batches.pop(key), rng))
            batch = None
        if record.defect or record.late:
            packed.append(arrival)
        elif batch:
            batch.append(arrival)
        elif variety and rng.random() < PACKED * variety:
            batches[key] = [arrival]
        else:
            packed.append(arrival)
    packed += [_packed(batch, rng) for batch in batches.values()]
    return [arrival.record for arrival in sorted(packed, key=_time)]


def _packed(batch: list[Arrival], rng: random.Random) -> Arrival:
    at, last = batch[-1]
    data = rng.choice(PACKINGS)([arrival.record.data for arrival in batch], last.partition_key)
    return Arrival(at, last._replace(data=data, events=len(batch), packed=True))


def _time(arrival: Arrival) -> int:
    return arrival.at
