"""A Spark data source that reads a Kinesis stream through boto3, on the driver, ahead of the query.

The driver hands the records to tasks inside their input partitions, as Arrow data: executors need no access to Kinesis,
and a stream is read once, whatever the plan.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, cast

import boto3
import pyarrow as pa
from botocore.config import Config
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.types import StructType

from runtime.attribution_job.sources.offsets import START, Offsets
from runtime.attribution_job.sources.read_ahead import ReadAhead
from runtime.attribution_job.sources.records import SCHEMA, SPARK_SCHEMA, keep_records_raw
from runtime.attribution_job.sources.shard import MOST_RECORDS, ShardReader

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

FORMAT = "kinesis-boto3"
# Fewer records than this are not worth a task of their own.
RECORDS_PER_TASK = 2_000
# Spark sends a task in one message of at most 128 MiB: spark.rpc.message.maxSize.
BYTES_PER_TASK = 16 * 1024 * 1024
# One connection for each shard up to so many; the others wait for one.
MOST_CONNECTIONS = 64


class KinesisDataSource(DataSource):
    """Options: `stream`, `region`, `records_per_batch`, `tasks`. The endpoint is boto3's: $AWS_ENDPOINT_URL_KINESIS."""

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> StructType:
        return SPARK_SCHEMA

    def streamReader(self, schema: StructType) -> "KinesisStreamReader":  # noqa: ARG002, N802
        return KinesisStreamReader(
            functools.partial(_connect, self.options["region"]),
            self.options["stream"],
            records_per_batch=int(self.options["records_per_batch"]),
            tasks=int(self.options["tasks"]),
        )


class Records(InputPartition):
    """Records of a micro-batch for one task: Arrow's streaming format, with the columns of `records.SCHEMA`."""

    def __init__(self, data: bytes) -> None:
        self.data = data


class KinesisStreamReader(DataSourceStreamReader):
    """Plans micro-batches from a `ReadAhead`, and keeps each until it is committed.

    Spark calls all methods but `read` in one process beside the driver, and `read` in tasks.
    """

    def __init__(
        self, connect: "Callable[[], KinesisClient]", stream: str, *, records_per_batch: int, tasks: int
    ) -> None:
        self._connect = connect
        self._stream = stream
        self._records_per_batch = records_per_batch
        self._tasks = tasks
        self._read_ahead: ReadAhead | None = None
        self._end: Offsets = {}
        # Planned batches that are not committed: their first and last offsets, and their records.
        self._planned: list[tuple[Offsets, Offsets, pa.Table]] = []

    @functools.cached_property
    def _client(self) -> "KinesisClient":
        """Made on first use: Spark pickles the reader to the process that reads."""
        client = self._connect()
        keep_records_raw(client)
        return client

    def initialOffset(self) -> Offsets:  # noqa: N802
        """Returns the position before the oldest record of every shard."""
        return {}

    def latestOffset(self) -> Offsets:  # noqa: N802
        """Plans the next batch from the records that have been read, and returns the offsets behind it.

        Offsets change only together with records or with the end of a shard.
        """
        pages, end = (self._read_ahead or self._begin({})).take()
        if pages:
            records = pa.Table.from_batches([page.records for page in pages], SCHEMA)
            self._planned.append((self._end, end, records))
            self._end = end
        return self._end

    def partitions(self, start: Offsets, end: Offsets) -> Sequence[InputPartition]:
        """Returns the records between two offsets, in as many partitions as are worth a task.

        After a restart Spark first names its newest planned offsets (as `start` and `end`), and then the batch that it
        repeats, which is read again.

        Raises:
            RuntimeError: the records of a repeated batch are gone.
        """
        if self._read_ahead is None:
            self._begin(end)
        if start == end:
            return []
        return split(self._records_between(start, end), self._tasks)

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Returns the records of a partition."""
        with pa.ipc.open_stream(cast(Records, partition).data) as batches:
            yield from batches

    def commit(self, end: Offsets) -> None:
        """Forgets the batches up to `end`."""
        for number, (_, planned_end, _) in enumerate(self._planned):
            if planned_end == end:
                del self._planned[: number + 1]
                return

    def stop(self) -> None:
        """Ends reading."""
        if self._read_ahead:
            self._read_ahead.stop()

    def _begin(self, offsets: Offsets) -> ReadAhead:
        self._end = offsets
        self._read_ahead = ReadAhead(self._client, self._stream, offsets, self._records_per_batch)
        return self._read_ahead

    def _records_between(self, start: Offsets, end: Offsets) -> pa.Table:
        tables = []
        position = start
        for planned_start, planned_end, records in self._planned:
            if planned_start == position:
                tables.append(records)
                position = planned_end
            if position == end:
                return pa.concat_tables(tables)
        return read_again(self._client, self._stream, start, end)


def split(records: pa.Table, tasks: int) -> list[InputPartition]:
    """Cuts records into at most `tasks` partitions of RECORDS_PER_TASK or more, and of about BYTES_PER_TASK or less."""
    pieces = max(1, min(tasks, len(records) // RECORDS_PER_TASK), -(-records.nbytes // BYTES_PER_TASK))
    size = -(-len(records) // pieces)
    return [Records(_to_bytes(records.slice(first, size))) for first in range(0, len(records), size or 1)]


def _to_bytes(records: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, records.schema) as writer:
        writer.write_table(records.combine_chunks())
    return bytes(sink.getvalue())


def read_again(client: "KinesisClient", stream: str, start: Offsets, end: Offsets) -> pa.Table:
    """Returns the records between two offsets, read anew, the shards side by side.

    Raises:
        RuntimeError: a record is gone.
    """
    shards = [shard for shard, position in end.items() if position["after"] != start.get(shard, START)["after"]]
    stopping = Event()
    with ThreadPoolExecutor(max_workers=max(1, min(len(shards), MOST_CONNECTIONS))) as threads:
        again = functools.partial(_read_shard_again, client, stream, (start, end), stopping)
        try:
            return pa.concat_tables([SCHEMA.empty_table(), *threads.map(again, shards)])
        finally:
            stopping.set()


def _read_shard_again(
    client: "KinesisClient", stream: str, offsets: tuple[Offsets, Offsets], stopping: Event, shard_id: str
) -> pa.Table:
    start, end = offsets
    last = end[shard_id]["after"]
    reader = ShardReader(client, stream, shard_id, start.get(shard_id, START), stopping)
    batches = []
    while True:
        page = reader.read(MOST_RECORDS)
        place = page.records["sequenceNumber"].index(pa.scalar(last, pa.string())).as_py()
        if place >= 0:
            batches.append(page.records.slice(0, place + 1))
            return pa.Table.from_batches(batches, SCHEMA)
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
