"""The load of the *steady* workload: events put into Kinesis at a constant rate."""

import json
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from benchmarks.events import event
from local.servers.job import Job
from runtime.data_generator.events import Stream
from runtime.data_generator.publishing import publish
from runtime.data_generator.simulation import Record

USERS = 50_000
# Records per call of `publish` for the history.
HISTORY_CHUNK = 5_000
# Java compiles frequent code for about this long. Smaller scales, which are for trials, shorten the warm-up.
WARM_UP_SECONDS = 40
MIN_WARM_UP_SECONDS = 25
MEASURED_SECONDS = 30
# The target for the latency holds at this rate, which is measured for longer.
TARGET_RATE, TARGET_MEASURED_SECONDS = 1000, 60
MIN_MEASURED_SECONDS = 10
# The publisher sends the events that are due, then sleeps for this many seconds.
TICK = 0.1


class MeasuredPeriod(NamedTuple):
    """The period whose events are measured. `published` counts the events of the warm-up too."""

    start: datetime
    end: datetime
    published: int


def publish_history(kinesis: Any, streams: dict[Stream, str], rate: int, clicks: int) -> int:
    """Publishes events from before the run as fast as possible, and returns their number.

    Spark's join needs them: its state consists of events that it has read.
    """
    rng = random.Random(7)  # noqa: S311 - a simulation, not a secret
    count, now = clicks * 11 // 10, datetime.now(UTC)
    for first in range(0, count, HISTORY_CHUNK):
        numbers = range(first, min(first + HISTORY_CHUNK, count))
        publish(kinesis, streams, [record(rng, n, now - timedelta(seconds=(count - n) / rate)) for n in numbers], 300)
    return count


def publish_steadily(
    kinesis: Any, streams: dict[Stream, str], rate: int, scale: float, job: Job, *, users: int = USERS
) -> MeasuredPeriod:
    """Publishes `rate` events a second through a warm-up and a measured period, and returns that period.

    The measured period begins when the warm-up is over and the job has written a batch.
    """
    rng = random.Random(6)  # noqa: S311 - a simulation, not a secret
    began, sent = time.monotonic(), 0
    # A job that has already processed its history needs only the short warm-up.
    warm_up = MIN_WARM_UP_SECONDS if job.log.batch else max(MIN_WARM_UP_SECONDS, WARM_UP_SECONDS * scale)
    measuring_from = began + warm_up
    target_seconds = TARGET_MEASURED_SECONDS if rate == TARGET_RATE else MEASURED_SECONDS
    measured_seconds = max(MIN_MEASURED_SECONDS, target_seconds * scale)
    start = datetime.now(UTC)
    while (now := time.monotonic()) < measuring_from + measured_seconds:
        job.check()
        if now < measuring_from or job.log.batch is None:
            start, measuring_from = datetime.now(UTC), max(measuring_from, now)
        due = int((now - began) * rate)
        publish(kinesis, streams, [record(rng, number, datetime.now(UTC), users) for number in range(sent, due)], 30)
        sent = due
        time.sleep(TICK)
    return MeasuredPeriod(start, datetime.now(UTC), sent)


def record(rng: random.Random, number: int, at: datetime, users: int = USERS) -> Record:
    is_checkout = number % 11 == 0
    user = f"user-{rng.randrange(users):07d}"
    data = json.dumps(event(rng, at, user, is_checkout=is_checkout), separators=(",", ":")).encode()
    return Record("checkouts" if is_checkout else "clicks", user, data, late=False, defect=None)
