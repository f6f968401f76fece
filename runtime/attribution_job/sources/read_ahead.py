"""Reads and parses the shards of a stream side by side, ahead of the query, into a bounded buffer."""

import itertools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from runtime.attribution_job.sources.offsets import START, Offsets, Position, readable_shards
from runtime.attribution_job.sources.records import first_arrival
from runtime.attribution_job.sources.shard import ReadingStoppedError, ShardReader, with_back_off

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import ShardTypeDef

# Bytes of all buffered pages, of which each shard has an equal share. A shard whose share is used up reads no further;
# the page that exceeds the share may have 10 MiB.
BUFFER_BYTES = 64 * 1024 * 1024
NEVER = datetime.max.replace(tzinfo=UTC)
# Turns the records of a page into its rows for Spark.
Parse: TypeAlias = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass(frozen=True)
class ParsedPage:
    """The rows that were made of a page of `records` records, and the shard's position after them."""

    shard_id: str
    records: int
    first_arrival: datetime | None
    rows: pa.RecordBatch
    position: Position


class ReadAhead:
    """Reads from `offsets` on; one thread a shard fills the buffer, `take` empties it.

    A batch has at most `batch_records` records, unless its first page has more; the buffer has about two batches.
    """

    def __init__(
        self, client: "KinesisClient", stream: str, offsets: Offsets, batch_records: int, parse: Parse
    ) -> None:
        self._client = client
        self._stream = stream
        self._parse = parse
        self._batch_records = batch_records
        self._offsets = offsets
        self._buffers: dict[str, _Buffer] = {}
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._start(self._read_new_shards)

    def take(self) -> tuple[list[ParsedPage], Offsets]:
        """Returns the next batch's pages, oldest first, and the offsets behind them; does not wait for Kinesis.

        Raises:
            ClientError: Kinesis refused a request for good.
        """
        with self._changed:
            if self._failure:
                raise self._failure
            pages = self._take_oldest()
            self._offsets = self._offsets | {page.shard_id: page.position for page in pages}
            self._changed.notify_all()
            offsets = self._offsets
        if any(page.position["ended"] for page in pages):
            # A shard's children are listed from its end on.
            self._start(self._read_new_shards)
        return pages, offsets

    def stop(self) -> None:
        """Ends all threads; requests that are under way are not waited for."""
        with self._changed:
            self._stopping.set()
            self._changed.notify_all()

    def _take_oldest(self) -> list[ParsedPage]:
        """Removes pages in the order of their first records' arrival, so that no shard gets ahead of the others."""
        pages: list[ParsedPage] = []
        records = 0
        while buffer := min(self._buffers.values(), key=_Buffer.oldest_arrival, default=None):
            if not buffer.pages or (pages and records + buffer.pages[0].records > self._batch_records):
                break
            page = buffer.pages.popleft()
            records += page.records
            pages.append(page)
            if page.position["ended"]:
                del self._buffers[page.shard_id]
        return pages

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        """Calls the function in a thread; `take` raises its error."""

        def call() -> None:
            try:
                function(*arguments)
            except ReadingStoppedError:
                pass
            except Exception as error:  # noqa: BLE001 - `take` raises it
                self._failure = error

        threading.Thread(target=call, name=f"{self._stream} {arguments[:1]}", daemon=True).start()

    def _read_new_shards(self) -> None:
        shards = with_back_off(lambda: list_shards(self._client, self._stream), self._stream, self._stopping)
        with self._changed:
            # Shards that Kinesis has removed are forgotten.
            self._offsets = {shard: position for shard, position in self._offsets.items() if shard in shards}
            for shard_id in readable_shards(shards, self._offsets):
                if shard_id not in self._buffers:
                    self._buffers[shard_id] = _Buffer()
                    self._start(self._fill, shard_id, self._offsets.get(shard_id, START))

    def _fill(self, shard_id: str, position: Position) -> None:
        buffer = self._buffers[shard_id]
        reader = ShardReader(self._client, self._stream, shard_id, position, self._stopping)
        ended = False
        while not ended:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping.is_set() or self._has_room(buffer))
            page = reader.read(self._page_records())
            if page.has_news:
                records = page.records
                parsed = ParsedPage(shard_id, len(records), first_arrival(records), self._parse(records), page.position)
                with self._changed:
                    buffer.pages.append(parsed)
                ended = page.position["ended"]

    def _page_records(self) -> int:
        """Returns an equal share of a batch: with larger pages a batch would leave out some shards."""
        return max(1, self._batch_records // max(1, len(self._buffers)))

    def _has_room(self, buffer: "_Buffer") -> bool:
        shards = max(1, len(self._buffers))
        return buffer.records < max(1, 2 * self._batch_records // shards) and buffer.bytes < BUFFER_BYTES // shards


class _Buffer:
    """Pages of one shard that have been read and not been taken."""

    def __init__(self) -> None:
        self.pages: deque[ParsedPage] = deque()

    @property
    def records(self) -> int:
        return sum(page.records for page in self.pages)

    @property
    def bytes(self) -> int:
        return sum(page.rows.nbytes for page in self.pages)

    def oldest_arrival(self) -> datetime:
        """Returns when the first buffered record arrived; the end of a shard is due at once."""
        if not self.pages:
            return NEVER
        return self.pages[0].first_arrival or datetime.min.replace(tzinfo=UTC)


def list_shards(client: "KinesisClient", stream: str) -> "dict[str, ShardTypeDef]":
    """Returns the stream's shards by id, closed ones that still have records included."""
    pages = client.get_paginator("list_shards").paginate(StreamName=stream)
    shards = itertools.chain.from_iterable(page["Shards"] for page in pages)
    return {shard["ShardId"]: shard for shard in shards}
