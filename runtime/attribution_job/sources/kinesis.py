"""Reads a Kinesis stream through boto3, on the driver, and parses it, ahead of the query.

Each stream has a process of its own: while the driver writes a micro-batch, it reads and parses the next one. Spark
stores the rows of a micro-batch as a block beside the driver, from which tasks take them without a Python worker. A
stream is read once, whatever the plan.
"""

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, cast

import boto3
import pyarrow as pa
from botocore.config import Config
from pyspark.sql.datasource import SimpleDataSourceStreamReader

from runtime.attribution_job.events.contract import CONTRACTS, Kind
from runtime.attribution_job.events.mapping import load_mapping
from runtime.attribution_job.events.pages import parse_page
from runtime.attribution_job.sources.offsets import START, Offsets
from runtime.attribution_job.sources.read_ahead import Parse, ReadAhead
from runtime.attribution_job.sources.records import keep_records_raw
from runtime.attribution_job.sources.shard import MOST_RECORDS, ShardReader

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# One connection for each shard up to so many; the others wait for one.
MOST_CONNECTIONS = 64


class KinesisStreamReader(SimpleDataSourceStreamReader):
    """Takes micro-batches from a `ReadAhead`.

    Spark calls `read` in one process beside the driver, and `readBetweenOffsets`, for a batch that it repeats after a
    restart, in a task. Spark 4.1 remembers each call of `read` until the next batch with records is committed: a stream
    without records costs the driver some 20 MB a day at a trigger interval of one second.
    """

    def __init__(
        self, connect: "Callable[[], KinesisClient]", stream: str, records_per_batch: int, parse: Parse
    ) -> None:
        self._connect = connect
        self._stream = stream
        self._records_per_batch = records_per_batch
        self._parse = parse
        self._read_ahead: ReadAhead | None = None

    @functools.cached_property
    def _client(self) -> "KinesisClient":
        """Made on first use, so that the reader can be pickled before."""
        client = self._connect()
        keep_records_raw(client)
        return client

    def initialOffset(self) -> Offsets:  # noqa: N802
        """Returns the position before the oldest record of every shard."""
        return {}

    def read(self, start: Offsets) -> tuple[Iterator[pa.RecordBatch], Offsets]:
        """Returns the rows of the next pages, which have been parsed already, and the offsets behind them.

        Offsets change only together with records or with the end of a shard. The iterator can be copied, because Spark
        reads a copy.
        """
        if self._read_ahead is None:
            self._read_ahead = ReadAhead(self._client, self._stream, start, self._records_per_batch, self._parse)
        pages, end = self._read_ahead.take()
        if not pages:
            return iter([]), start
        rows = pa.concat_batches([page.rows for page in pages])
        return iter([rows] if len(rows) else []), end

    def readBetweenOffsets(self, start: Offsets, end: Offsets) -> Iterator[pa.RecordBatch]:  # noqa: N802
        """Returns the rows of the records that an earlier `read` took between these offsets.

        Raises:
            RuntimeError: a record is gone.
        """
        return map(self._parse, read_again(self._client, self._stream, start, end))

    def stop(self) -> None:
        """Ends reading. Spark does not call this: it ends the process."""
        if self._read_ahead:
            self._read_ahead.stop()


def reader_of(options: Mapping[str, str]) -> KinesisStreamReader:
    """Returns the reader for the options of `data_source.KinesisDataSource`."""
    connect = functools.partial(_connect, options["region"])
    return KinesisStreamReader(connect, options["stream"], int(options["records_per_batch"]), parse_with(options))


def parse_with(options: Mapping[str, str]) -> Parse:
    """Returns the function that parses a stream's pages, by the options of the source."""
    mapping = load_mapping(options["event_mapping"]) if options.get("event_mapping") else None
    return functools.partial(parse_page, contract=CONTRACTS[cast(Kind, options["kind"])], mapping=mapping)


def read_again(client: "KinesisClient", stream: str, start: Offsets, end: Offsets) -> list[pa.RecordBatch]:
    """Returns the pages of records between two offsets, read anew, the shards side by side.

    Raises:
        RuntimeError: a record is gone.
    """
    shards = [shard for shard, position in end.items() if position["after"] != start.get(shard, START)["after"]]
    stopping = Event()
    with ThreadPoolExecutor(max_workers=max(1, min(len(shards), MOST_CONNECTIONS))) as threads:
        again = functools.partial(_read_shard_again, client, stream, (start, end), stopping)
        try:
            return list(itertools.chain.from_iterable(threads.map(again, shards)))
        finally:
            stopping.set()


def _read_shard_again(
    client: "KinesisClient", stream: str, offsets: tuple[Offsets, Offsets], stopping: Event, shard_id: str
) -> list[pa.RecordBatch]:
    start, end = offsets
    last = end[shard_id]["after"]
    reader = ShardReader(client, stream, shard_id, start.get(shard_id, START), stopping)
    batches = []
    while True:
        page = reader.read(MOST_RECORDS)
        place = page.records["sequenceNumber"].index(pa.scalar(last, pa.string())).as_py()
        if place >= 0:
            batches.append(page.records.slice(0, place + 1))
            return batches
        if page.position["ended"] or page.caught_up:
            raise RuntimeError(
                f"stream {stream}, {shard_id}: record {last} is gone, so that the last batch cannot be"
                " repeated; it is older than the stream's retention, or the stream was created anew; see"
                ' "Checkpoint lost" in docs/operations.md'
            )
        batches.append(page.records)


def _connect(region: str) -> "KinesisClient":
    # Requests are repeated by `shard`, which knows how often a shard may be asked.
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 2},
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=MOST_CONNECTIONS,
    )
    return boto3.client("kinesis", region_name=region, config=config)
