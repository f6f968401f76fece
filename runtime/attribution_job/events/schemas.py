"""Columns of events and dead letters, as Arrow schemas and as Spark types."""

import pyarrow as pa

from runtime.attribution_job.events.contract import Contract

TIME = pa.timestamp("us", tz="UTC")
DEAD_LETTER = pa.schema(
    {
        "stream_name": pa.string(),
        "sequence_number": pa.string(),
        "partition_key": pa.string(),
        "reason": pa.string(),
        "data": pa.string(),
        "arrived_at": TIME,
    }
)


def event_schema(contract: Contract) -> pa.Schema:
    """Returns the columns of accepted events; `items` is JSON text, amounts are text."""
    fields = {field: TIME if field == contract.timestamp else pa.string() for field in contract.fields[:-1]}
    return pa.schema(fields | {"arrived_at": TIME, "sequence_number": pa.string(), "unknown_fields": pa.int32()})


def spark_fields(schema: pa.Schema) -> str:
    """Returns the schema's fields as a Spark DDL string, for use inside `struct<…>`."""
    types = {pa.string(): "string", TIME: "timestamp", pa.int32(): "int"}
    return ", ".join(f"{field.name}: {types[field.type]}" for field in schema)
