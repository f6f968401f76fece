"""Reads a stream as Spark does: offsets as JSON, batches planned, read and committed."""

import json
import time
from typing import cast

import pyarrow as pa

from runtime.attribution_job.sources.kinesis import KinesisStreamReader
from runtime.attribution_job.sources.offsets import Offsets
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis

QUIET_SECONDS = 0.1


class Query:
    """A streaming query over one reader; `offsets` is the checkpoint."""

    def __init__(self, kinesis: object, records_per_batch: int = 100, tasks: int = 2) -> None:
        self._kinesis = kinesis
        self._records_per_batch = records_per_batch
        self._tasks = tasks
        self.offsets: Offsets = {}
        self.reader = self._new_reader(restored=False)

    def restart(self) -> None:
        self.reader.stop()
        self.reader = self._new_reader(restored=True)

    def plan(self) -> Offsets:
        """Returns the offsets behind the next batch, which is planned and not committed."""
        return as_json(self.reader.latestOffset())

    def next_batch(self) -> list[bytes]:
        """Plans, reads and commits the next batch."""
        end = self.plan()
        data = read_batch(self.reader, self.offsets, end)
        self.reader.commit(end)
        self.offsets = end
        return data

    def next_batch_with_records(self, seconds: float = 10) -> list[bytes]:
        deadline = time.monotonic() + seconds
        while not (data := self.next_batch()):
            assert time.monotonic() < deadline, "no record came"
        return data

    def read(self, count: int, seconds: float = 10) -> list[bytes]:
        """Reads batches until they have `count` records together, and a moment longer for one too many."""
        seen: list[bytes] = []
        deadline = time.monotonic() + seconds
        while len(seen) < count and time.monotonic() < deadline:
            seen += self.next_batch()
        quiet = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < quiet:
            seen += self.next_batch()
        return seen

    def _new_reader(self, *, restored: bool) -> KinesisStreamReader:
        reader = new_reader(self._kinesis, self._records_per_batch, self._tasks)
        if restored:
            # Spark names its newest offsets first.
            assert reader.partitions(self.offsets, self.offsets) == []
        return reader


def new_reader(kinesis: object, records_per_batch: int = 100, tasks: int = 2) -> KinesisStreamReader:
    return KinesisStreamReader(lambda: kinesis, "clicks", records_per_batch=records_per_batch, tasks=tasks)  # type: ignore[arg-type,return-value]


def read_batch(reader: KinesisStreamReader, start: Offsets, end: Offsets) -> list[bytes]:
    return [data for table in read_tables(reader, start, end) for data in table["data"].to_pylist()]


def read_tables(reader: KinesisStreamReader, start: Offsets, end: Offsets) -> list[pa.Table]:
    return [pa.Table.from_batches(reader.read(partition)) for partition in reader.partitions(start, end)]


def as_json(offsets: Offsets) -> Offsets:
    """Returns offsets as Spark gives them back from the checkpoint."""
    return cast(Offsets, json.loads(json.dumps(offsets)))


def numbered(kinesis: FakeKinesis, count: int, first: int = 0) -> list[bytes]:
    """Puts records with numbers for data, one shard after the other; returns the data."""
    data = [b"%d" % number for number in range(first, first + count)]
    for number, text in enumerate(data):
        kinesis.put(text, shard=number)
    return data
