"""Reads a stream as Spark does: offsets as JSON, batches planned, read and committed."""

import json
import time
from collections.abc import Callable, Iterator
from typing import cast

import pyarrow as pa

from runtime.attribution_job.sources.kinesis import KinesisStreamReader
from runtime.attribution_job.sources.offsets import Offsets
from runtime.attribution_job.sources.read_ahead import Parse
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis

QUIET_SECONDS = 0.1
# All readers of a test, whose threads ask on until they are stopped.
readers: list[KinesisStreamReader] = []


class Query:
    """A streaming query over one reader; `offsets` is the checkpoint."""

    def __init__(self, kinesis: object, records_per_batch: int = 100) -> None:
        self._kinesis = kinesis
        self._records_per_batch = records_per_batch
        self.offsets: Offsets = {}
        self.reader = new_reader(self._kinesis, self._records_per_batch)

    def restart(self) -> None:
        self.reader.stop()
        self.reader = new_reader(self._kinesis, self._records_per_batch)

    def next_batch(self) -> list[bytes]:
        """Reads and commits the next batch."""
        rows, end = self.reader.read(self.offsets)
        self.offsets = as_json(end)
        return data_of(rows)

    def next_batch_with_records(self, seconds: float = 10) -> list[bytes]:
        deadline = time.monotonic() + seconds
        while not (data := self.next_batch()):
            assert time.monotonic() < deadline, "no record came"
        return data

    def read_until(self, condition: Callable[[], object]) -> list[bytes]:
        """Reads batches until the condition is true, and a moment longer."""
        seen: list[bytes] = []
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            seen += self.next_batch()
        return seen + self.read(0)

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


def new_reader(kinesis: object, records_per_batch: int = 100, parse: Parse | None = None) -> KinesisStreamReader:
    """Returns a reader; without `parse`, it leaves the records as they are."""
    reader = KinesisStreamReader(lambda: kinesis, "clicks", records_per_batch, parse or as_they_are)  # type: ignore[arg-type,return-value]
    readers.append(reader)
    return reader


def as_they_are(records: pa.RecordBatch) -> pa.RecordBatch:
    return records


def data_of(batches: Iterator[pa.RecordBatch]) -> list[bytes]:
    return [data for batch in batches for data in batch["data"].to_pylist()]


def read_again(kinesis: object, start: Offsets, end: Offsets) -> list[bytes]:
    """Reads a batch as a restarted query repeats it."""
    return data_of(new_reader(kinesis).readBetweenOffsets(start, end))


def as_json(offsets: Offsets) -> Offsets:
    """Returns offsets as Spark gives them back from the checkpoint."""
    return cast(Offsets, json.loads(json.dumps(offsets)))


def numbered(kinesis: FakeKinesis, count: int, first: int = 0) -> list[bytes]:
    """Puts records with numbers for data, one shard after the other; returns the data."""
    data = [b"%d" % number for number in range(first, first + count)]
    for number, text in enumerate(data):
        kinesis.put(text, shard=number)
    return data
