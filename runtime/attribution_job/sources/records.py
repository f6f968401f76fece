"""Kinesis records as Arrow batches: decoding of GetRecords responses, and the rows that carry batches through Spark."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyspark.sql.types import BinaryType, StructField, StructType

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# Rows of our own reader: each holds a page of records, as a stream of Arrow's IPC format. Spark stores the rows of a
# micro-batch one by one and copies them twice; a row for each record takes three times as long.
PAGES_COLUMN = "records"
SPARK_SCHEMA = StructType([StructField(PAGES_COLUMN, BinaryType())])
# Spark copies each page several times. LZ4 makes pages of JSON a quarter as large for 0.5 µs a record. To wake Arrow's
# threads takes longer than a small page.
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
IN_ONE_THREAD = pa.ipc.IpcReadOptions(use_threads=False)
# Columns of a record. Glue's Kinesis connector, which is the fallback, has a row for each record: see `connector`.
SCHEMA = pa.schema(
    {
        "data": pa.binary(),
        "streamName": pa.string(),
        "partitionKey": pa.string(),
        "sequenceNumber": pa.string(),
        "approximateArrivalTimestamp": pa.timestamp("us", tz="UTC"),
    }
)


def keep_records_raw(client: "KinesisClient") -> None:
    """Makes the client's `get_records` return each record as the dictionary of the response's JSON.

    botocore's own parser takes 37 µs a record, most of that for the time stamp; `to_batch` takes 5 µs.
    """
    client.meta.events.register("before-parse.kinesis.GetRecords", _take_records, unique_id="raw-records")


def _take_records(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Moves the records from the body, which botocore parses next, to the values that it adds to the parsed body."""
    if response_dict["status_code"] == 200:
        body = json.loads(response_dict["body"])
        customized_response_dict["Records"] = body.pop("Records")
        response_dict["body"] = json.dumps(body).encode()


def to_batch(stream: str, records: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Returns records of a GetRecords response, as JSON has them, with the columns of SCHEMA."""
    return pa.record_batch(
        [
            pa.array([base64.b64decode(record["Data"]) for record in records], pa.binary()),
            pa.repeat(pa.scalar(stream, pa.string()), len(records)),
            pa.array([record["PartitionKey"] for record in records], pa.string()),
            pa.array([record["SequenceNumber"] for record in records], pa.string()),
            # Seconds since 1970, to the millisecond.
            pa.array(
                [round(record["ApproximateArrivalTimestamp"] * 1000) * 1000 for record in records],
                SCHEMA.field("approximateArrivalTimestamp").type,
            ),
        ],
        schema=SCHEMA,
    )


def first_arrival(batch: pa.RecordBatch) -> datetime | None:
    """Returns the arrival time of the batch's first record, which is its oldest; null for an empty batch."""
    arrivals = batch["approximateArrivalTimestamp"]
    return arrivals[0].as_py() if len(arrivals) else None


def pack(pages: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Returns one row of SPARK_SCHEMA for each page, which has the columns of SCHEMA."""
    return pa.record_batch({PAGES_COLUMN: pa.array([_to_ipc(page) for page in pages], pa.binary())})


def unpack(rows: pa.Table | pa.RecordBatch) -> pa.Table:
    """Returns the records of a source's rows, with the columns of SCHEMA.

    Rows that are records already, as those of `connector` and of files, are returned as they are.
    """
    if PAGES_COLUMN not in rows.schema.names:
        return rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
    pages = [pa.ipc.open_stream(page.as_buffer(), options=IN_ONE_THREAD).read_all() for page in rows[PAGES_COLUMN]]
    return pa.concat_tables([SCHEMA.empty_table(), *pages])


def _to_ipc(page: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, page.schema, options=COMPRESSED) as writer:
        writer.write_batch(page)
    return bytes(sink.getvalue().to_pybytes())
