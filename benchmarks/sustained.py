"""The *sustained* workload, the highest rate at which the lag does not grow; *soak*, the memory over half an hour."""

import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from benchmarks.machine import cpu_seconds, memory_mb
from benchmarks.steady_load import TARGET_RATE, TICK, USERS, record
from benchmarks.streamed import STREAMS, stored_events, streamed_job, wait_until_stored
from benchmarks.workload import DATABASE, PrintLine
from local.servers import postgres
from local.servers.job import Job
from local.servers.postgres import Server
from runtime.data_generator.publishing import publish

RATES = (5000, 7500, 10_000, 15_000)
# The emulator answers one request at a time, and each shard is asked five times a second: with 16 shards, a put waits
# half a second. It accepts more records a second than a shard of AWS.
SHARDS, WRITERS = 2, 2
WARM_UP_SECONDS, MEASURED_SECONDS = 40, 60
# The lag at the end may differ from that at the start by the events of one batch.
TOLERATED_SECONDS = 1.0
EDGE_SECONDS = 10
PUBLISH_SECONDS = 120
# Of one call: the number of published events stays current.
MOST_RECORDS = 2500
SOAK_MINUTES = (10, 30)
CLICKS_PER_USER = 10


def sustained(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures each rate through Kinesis until the job's lag, or the publisher's, grows at one of them.

    `sustained` is the highest rate at which neither grows; 0 if there is none. Each run has the shares of the machine
    that the publisher and the emulator take.
    """
    result: dict[str, Any] = {"runs": {}, "sustained": 0}
    for rate in RATES:
        run = _measure_rate(server, folder, rate, scale)
        result["runs"][str(rate)] = run
        print_line(
            f"  {rate:,} events/s: published {run['published_per_second']:,}, lag {run['first_lag']:,} → "
            f"{run['last_lag']:,} events; publisher {run['publisher_cores']:.2f} and emulator "
            f"{run['emulator_cores']:.2f} cores"
        )
        if not run["keeps_up"]:
            break
        result["sustained"] = rate
    return result


def soak(server: Server, folder: Path, scale: float, print_line: PrintLine) -> dict[str, Any]:
    """Measures the memory of the job and the server at 1,000 events/s; `soak_growth` is minute 30 against minute 10."""
    postgres.create_database(server, DATABASE)
    first, last = (round(minute * 60 * scale) for minute in SOAK_MINUTES)
    memory: dict[int, float] = {}
    with streamed_job(server, folder, "postgres") as (kinesis, job, _):
        publisher = Publisher(kinesis, job, TARGET_RATE, users=TARGET_RATE * 3900 // CLICKS_PER_USER)
        job.start()

        def sample(second: int) -> None:
            if second in (first, last) or second % 60 == 0:
                memory[second] = round(memory_mb(job.process_id or 0), 1)
                print_line(f"    {second} s: {memory[second]:,} MB")

        publisher.publish(last + 1, sample)
        wait_until_stored(server, publisher.published, job)
    return {"memory_mb": memory, "soak_growth": memory[last] / memory[first]}


class Moment(NamedTuple):
    """Numbers of events, and CPU seconds of the publisher and the emulator, up to a moment."""

    published: int
    stored: int
    publisher: float
    emulator: float

    @property
    def lag(self) -> int:
        return self.published - self.stored


class Publisher:
    """Publishes `rate` events a second. `published` is the number of published events."""

    def __init__(self, kinesis: Any, job: Job, rate: int, *, users: int = USERS) -> None:
        self.published = 0
        self._kinesis = kinesis
        self._job = job
        self._rate = rate
        self._users = users
        self._rng = random.Random(6)  # noqa: S311 - a simulation, not a secret

    def publish(self, seconds: int, sample: Callable[[int], None]) -> None:
        """Publishes from the job's first batch on, and calls `sample` once a second in another thread."""
        while self._job.log.batch is None:
            self._job.check()
            self._put(1)
            time.sleep(TICK)
        began, first = time.monotonic(), self.published
        with ThreadPoolExecutor(1) as thread:
            samples = thread.submit(_call_each_second, sample, began, seconds)
            while not samples.done():
                self._job.check()
                due = first + int((time.monotonic() - began) * self._rate)
                self._put(min(due - self.published, MOST_RECORDS))
                time.sleep(TICK if self.published >= due else 0)
            samples.result()

    def _put(self, count: int) -> None:
        now, numbers = datetime.now(UTC), range(self.published, self.published + count)
        events = [record(self._rng, number, now, self._users) for number in numbers]
        # Requests have up to 500 consecutive records of one stream: full ones, when the streams are not interleaved.
        publish(self._kinesis, STREAMS, sorted(events, key=lambda event: event.stream), PUBLISH_SECONDS)
        self.published += count


def _call_each_second(sample: Callable[[int], None], began: float, seconds: int) -> None:
    for second in range(seconds):
        time.sleep(max(0.0, began + second - time.monotonic()))
        sample(second)


def _measure_rate(server: Server, folder: Path, rate: int, scale: float) -> dict[str, Any]:
    postgres.create_database(server, DATABASE)
    start, end = WARM_UP_SECONDS, WARM_UP_SECONDS + max(2 * EDGE_SECONDS, int(MEASURED_SECONDS * scale))
    moments: list[Moment] = []
    with (
        streamed_job(server, folder, "postgres", shards=SHARDS, writers=WRITERS) as (kinesis, job, _),
        psycopg.connect(server.url(DATABASE), autocommit=True) as connection,
    ):
        publisher = Publisher(kinesis, job, rate)
        job.start()

        def sample(_second: int) -> None:
            cpu = time.process_time(), cpu_seconds("local.cloud")
            moments.append(Moment(publisher.published, stored_events(connection), *cpu))

        publisher.publish(end + 1, sample)
    first_lag = statistics.mean(moment.lag for moment in moments[start : start + EDGE_SECONDS])
    last_lag = statistics.mean(moment.lag for moment in moments[end - EDGE_SECONDS : end])
    before, after = moments[start], moments[end]
    published_per_second = (after.published - before.published) / (end - start)
    return {
        "first_lag": round(first_lag),
        "last_lag": round(last_lag),
        "published_per_second": round(published_per_second),
        "publisher_cores": round((after.publisher - before.publisher) / (end - start), 2),
        "emulator_cores": round((after.emulator - before.emulator) / (end - start), 2),
        "keeps_up": last_lag - first_lag <= rate * TOLERATED_SECONDS and published_per_second >= 0.98 * rate,
    }
