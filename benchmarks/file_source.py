"""Event files as a Spark data source that takes the way of the job's Kinesis reader: pages, read ahead, on the driver.

Spark's own source of text files makes a row of each line. That costs more than all of the job's parsing.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader
from pyspark.sql.types import StructType

from runtime.attribution_job.sources.records import SCHEMA, SPARK_SCHEMA, pack

FORMAT = "event-files"
# Arrival time of all events from files. It is after every event time: an event from the future would be refused.
ARRIVED = datetime(2026, 12, 1, tzinfo=UTC)


def read_files(spark: SparkSession, folder: Path, files_per_batch: int) -> DataFrame:
    """Returns the lines of the files as the rows of a Kinesis source, whose pages are the files."""
    spark.dataSource.register(EventFiles)
    source = spark.readStream.format(FORMAT).option("folder", str(folder))
    return source.option("files_per_batch", str(files_per_batch)).load()


class EventFiles(DataSource):
    """Options: `folder`, `files_per_batch`."""

    @classmethod
    def name(cls) -> str:
        return FORMAT

    def schema(self) -> StructType:
        return SPARK_SCHEMA

    def simpleStreamReader(self, schema: StructType) -> "EventFileReader":  # noqa: ARG002, N802
        return EventFileReader(Path(self.options["folder"]), int(self.options["files_per_batch"]))


class EventFileReader(SimpleDataSourceStreamReader):
    """Reads a number of files for each micro-batch, and those of the next one meanwhile."""

    def __init__(self, folder: Path, files_per_batch: int) -> None:
        self._paths = sorted(folder.iterdir())
        self._files_per_batch = files_per_batch
        self._ahead: tuple[int, Future[pa.RecordBatch]] | None = None

    def initialOffset(self) -> dict[str, int]:  # noqa: N802
        """Returns the number of files before the first one."""
        return {"files": 0}

    def read(self, start: dict[str, int]) -> tuple[Iterator[pa.RecordBatch], dict[str, int]]:
        """Returns the pages of the next files, and the number of files up to the last of them."""
        first = start["files"]
        following = min(first + self._files_per_batch, len(self._paths))
        if first == following:
            return iter([]), start
        if self._ahead and self._ahead[0] == first:
            pages = self._ahead[1].result()
        else:
            pages = _pages(self._paths[first:following])
        next_paths = self._paths[following : following + self._files_per_batch]
        self._ahead = following, ThreadPoolExecutor(1).submit(_pages, next_paths)
        return iter([pages]), {"files": following}

    def readBetweenOffsets(self, start: dict[str, int], end: dict[str, int]) -> Iterator[pa.RecordBatch]:  # noqa: N802
        """Returns the pages that an earlier `read` returned between these offsets."""
        return iter([_pages(self._paths[start["files"] : end["files"]])])


def records(path: Path) -> pa.RecordBatch:
    """Returns the lines of a file as Kinesis records. The file's name and the line's number are the sequence number."""
    content = pa.array([path.read_bytes().removesuffix(b"\n")], pa.large_binary())
    lines = pc.split_pattern(content, b"\n").values.cast(pa.binary())
    numbers = pa.array(range(len(lines)), pa.int32()).cast(pa.string())
    columns = {
        "data": lines,
        "streamName": path.parent.name,
        "partitionKey": "",
        "sequenceNumber": pc.binary_join_element_wise(path.stem, pc.utf8_lpad(numbers, 8, "0"), ""),
        "approximateArrivalTimestamp": ARRIVED,
    }
    arrays = [
        column if isinstance(column, pa.Array) else pa.repeat(pa.scalar(column, SCHEMA.field(name).type), len(lines))
        for name, column in columns.items()
    ]
    return pa.record_batch(arrays, schema=SCHEMA)


def _pages(paths: Sequence[Path]) -> pa.RecordBatch:
    return pack(map(records, paths))
