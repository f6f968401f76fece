"""Kinesis records as Arrow batches, decoded from GetRecords responses."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# Columns of a record, and of the rows of Glue's Kinesis connector, which is the fallback: see `connector`.
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
