"""Which faults befall the run of a seed, and when: drawn from the seed alone."""

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
    REFUSES,
    "answer to a commit lost",
    "deadlock with another writer",
    "no connection to spare",
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
    "answer to a put lost",
    "answer to a put late",
    "shard split",
    "shards merged",
)
FAULTS = JOB + DATABASE + KINESIS
# Of the seeds, those whose job dies once more than the others', and those where the first fault does not wait.
SECOND_DEATH = 0.3
EARLY = 0.3
# A failover typically takes 60 to 120 seconds:
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html
REFUSAL_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`pause`: seconds after the job has recovered from the one before. `seconds`: how long it lasts, or, of two kills,
    what lies between them; moments are moments. `stream`: whose shards, if it is about shards.
    """

    name: str
    pause: float
    seconds: float
    stream: Stream


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """`early`: the first fault does not wait until the job has committed something."""

    seed: int
    join: Join
    early: bool
    faults: tuple[Fault, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def draw(seed: int) -> Schedule:
    """From each group one fault in turn, so that twenty seeds in a row have them all; and some more by chance.

    Both joins take turns, with the faults of a group in another rhythm than the faults themselves.
    """
    chance = random.Random(f"faults of seed {seed}")  # noqa: S311 - a simulation, not a secret
    join = get_args(Join)[seed % 2]
    names = [JOB[seed % len(JOB)], DATABASE[seed // 2 % len(DATABASE)], KINESIS[seed % len(KINESIS)]]
    names.append(chance.choice([name for name in DATABASE + KINESIS if name not in names]))
    if chance.random() < SECOND_DEATH:
        names.append(chance.choice([name for name in JOB if name not in names]))
    chance.shuffle(names)
    if join == "postgres":  # It keeps no state.
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
    return Schedule(seed=seed, join=join, early=chance.random() < EARLY, faults=tuple(faults))
