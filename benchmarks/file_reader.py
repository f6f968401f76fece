"""Reads event files as the job's Kinesis reader reads a stream: parsed ahead, in pages."""

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql.datasource import SimpleDataSourceStreamReader

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.pages import parse_page
from runtime.attribution_job.sources.records import SCHEMA

# Arrival time of all events from files. It is after every event time: an event from the future would be refused.
ARRIVED = datetime(2026, 12, 1, tzinfo=UTC)
CONTRACTS = {"clicks": CLICK, "checkouts": CHECKOUT}


def reader_of(options: Mapping[str, str]) -> "EventFileReader":
    """Returns the reader for the options of `file_source.EventFiles`."""
    return EventFileReader(Path(options["folder"]), int(options["files_per_batch"]))


class EventFileReader(SimpleDataSourceStreamReader):
    """Gives each micro-batch the files that have been parsed by then, up to a number, and parses as many ahead.

    As the job's Kinesis reader, it does not wait for a file.
    """

    def __init__(self, folder: Path, files_per_batch: int) -> None:
        self._paths = sorted(folder.iterdir())
        self._contract = CONTRACTS[folder.name]
        self._files_per_batch = files_per_batch
        self._ahead: deque[Future[pa.RecordBatch]] = deque()
        self._parser = ThreadPoolExecutor(1)

    def initialOffset(self) -> dict[str, int]:  # noqa: N802
        """Returns the number of files before the first one."""
        return {"files": 0}

    def read(self, start: dict[str, int]) -> tuple[Iterator[pa.RecordBatch], dict[str, int]]:
        """Returns the pages of the next files, and the number of files up to the last of them."""
        first = start["files"]
        self._parse_ahead(first)
        pages: list[pa.RecordBatch] = []
        while len(pages) < self._files_per_batch and self._ahead and self._ahead[0].done():
            pages.append(self._ahead.popleft().result())
        self._parse_ahead(first + len(pages))
        return iter([pa.concat_batches(pages)] if pages else []), {"files": first + len(pages)}

    def readBetweenOffsets(self, start: dict[str, int], end: dict[str, int]) -> Iterator[pa.RecordBatch]:  # noqa: N802
        """Returns the pages that an earlier `read` returned between these offsets."""
        return (parse_file(path, self._contract) for path in self._paths[start["files"] : end["files"]])

    def _parse_ahead(self, first: int) -> None:
        """Starts to parse the files of a batch from number `first` on, one after the other."""
        for path in self._paths[first + len(self._ahead) : first + self._files_per_batch]:
            self._ahead.append(self._parser.submit(parse_file, path, self._contract))


def parse_file(path: Path, contract: Contract) -> pa.RecordBatch:
    """Returns the events of a file as a page."""
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
