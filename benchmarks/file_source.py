"""Event files as a Spark data source that takes the way of the job's Kinesis reader: parsed ahead, in pages.

Spark's own source of text files makes a row of each line. That costs more than all of the job's parsing.
"""

import functools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.datasource import DataSource, SimpleDataSourceStreamReader
from pyspark.sql.types import StructType

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.pages import SPARK_SCHEMA, parse_page
from runtime.attribution_job.sources.records import SCHEMA

FORMAT = "event-files"
# Arrival time of all events from files. It is after every event time: an event from the future would be refused.
ARRIVED = datetime(2026, 12, 1, tzinfo=UTC)
CONTRACTS = {"clicks": CLICK, "checkouts": CHECKOUT}


def read_files(spark: SparkSession, folder: Path, files_per_batch: int) -> DataFrame:
    """Returns the events of the files in `folder`, clicks/ or checkouts/, as pages: one or more for each file."""
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
    """Gives each micro-batch the files that have been parsed by then, up to a number, and parses as many ahead."""

    def __init__(self, folder: Path, files_per_batch: int) -> None:
        self._paths = sorted(folder.iterdir())
        self._contract = CONTRACTS[folder.name]
        self._files_per_batch = files_per_batch
        self._ahead: deque[Future[pa.RecordBatch]] = deque()

    def initialOffset(self) -> dict[str, int]:  # noqa: N802
        """Returns the number of files before the first one."""
        return {"files": 0}

    def read(self, start: dict[str, int]) -> tuple[Iterator[pa.RecordBatch], dict[str, int]]:
        """Returns the pages of the next files, and the number of files up to the last of them. Waits for one file."""
        first = start["files"]
        if first == len(self._paths):
            return iter([]), start
        self._parse_ahead(first)
        pages = [self._ahead.popleft().result()]
        while len(pages) < self._files_per_batch and self._ahead and self._ahead[0].done():
            pages.append(self._ahead.popleft().result())
        self._parse_ahead(first + len(pages))
        return iter([pa.concat_batches(pages)]), {"files": first + len(pages)}

    def readBetweenOffsets(self, start: dict[str, int], end: dict[str, int]) -> Iterator[pa.RecordBatch]:  # noqa: N802
        """Returns the pages that an earlier `read` returned between these offsets."""
        return (parse_file(path, self._contract) for path in self._paths[start["files"] : end["files"]])

    @functools.cached_property
    def _parser(self) -> ThreadPoolExecutor:
        """Made on first use: Spark pickles the reader to the process that reads."""
        return ThreadPoolExecutor(1)

    def _parse_ahead(self, first: int) -> None:
        """Starts to parse the files of a batch from number `first` on, one after the other."""
        for path in self._paths[first + len(self._ahead) : first + self._files_per_batch]:
            self._ahead.append(self._parser.submit(parse_file, path, self._contract))


def parse_file(path: Path, contract: Contract) -> pa.RecordBatch:
    return parse_page(records(path), contract)


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
