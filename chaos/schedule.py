"""The schedule of a seed: its faults and their times, drawn from the seed alone."""

import random
from dataclasses import asdict, dataclass
from typing import Any, get_args

from runtime.attribution_job.join.rule import Join
from runtime.data_generator.events import Stream

STATE, OFFSETS = "job killed while it writes state", "job killed while it writes offsets"
DISK_FULL = "disk full"
REFUSES = "database refuses connections"
JOB = (
    "job killed before a commit",
    "job killed during a commit",
    "job killed after a commit",
    STATE,
    OFFSETS,
    "job killed at any moment",
    "job killed twice in a row",
    "shard split while the job is stopped",
    "shards merged while the job is stopped",
)
DATABASE = (
    "database restarted in a transaction",
    "database crashed in a transaction",
    "session ended in a transaction",
    "first session ended in a transaction",
    REFUSES,
    "session cut before a commit",
    "response to a commit lost",
    "deadlock with another writer",
    "no free connection",
    DISK_FULL,
)
KINESIS = (
    "reads throttled",
    "reads fail",
    "reads cut",
    "iterators expire",
    "puts throttled",
    "puts fail",
    "puts partly refused",
    "response to a put lost",
    "response to a put delayed",
    "shard split",
    "shards merged",
)
FAULTS = JOB + DATABASE + KINESIS
# Sessions that write a batch, by seed.
WRITERS = (1, 2, 4)
# Shares of the seeds with a second fault of JOB, and with a first fault before the job's first commit.
SECOND_JOB_FAULT = 0.3
EARLY = 0.3
# A failover typically takes 60 to 120 seconds:
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html
REFUSAL_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A scheduled fault.

    `pause` is the time from the job's recovery to this fault, in seconds. `seconds` is the fault's duration, or
    the time between two kills; other faults ignore it. `stream` is the stream to reshard.
    """

    name: str
    pause: float
    seconds: float
    stream: Stream


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """The faults of a seed, in order. With `early` the first fault comes before the job's first commit.

    `writers` is the number of sessions that write a batch.
    """

    seed: int
    join: Join
    writers: int
    early: bool
    faults: tuple[Fault, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def draw(seed: int, writers: int | None = None) -> Schedule:
    """Draws a seed's schedule: one fault of each group in rotation, and one or two random faults.

    Twenty successive seeds contain every fault. The joins alternate. DATABASE has an even length and
    rotates at half the pace, so that each of its faults meets both joins. `writers` replaces the seed's own number.
    """
    chance = random.Random(f"faults of seed {seed}")  # noqa: S311 - a simulation, not a secret
    join = get_args(Join)[seed % 2]
    names = [JOB[seed % len(JOB)], DATABASE[seed // 2 % len(DATABASE)], KINESIS[seed % len(KINESIS)]]
    names.append(chance.choice([name for name in DATABASE + KINESIS if name not in names]))
    if chance.random() < SECOND_JOB_FAULT:
        names.append(chance.choice([name for name in JOB if name not in names]))
    chance.shuffle(names)
    if join == "postgres":  # This join keeps no state in the checkpoint.
        names = [OFFSETS if name == STATE else name for name in names]
    faults = [
        Fault(
            name=name,
            pause=round(chance.uniform(0.3, 2), 2),
            seconds=REFUSAL_SECONDS if name == REFUSES else round(chance.uniform(4, 9), 2),
            stream=chance.choice(get_args(Stream)),
        )
        for name in names
    ]
    return Schedule(
        seed=seed,
        join=join,
        writers=writers or WRITERS[seed % len(WRITERS)],
        early=chance.random() < EARLY,
        faults=tuple(faults),
    )
