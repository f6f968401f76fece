"""The columns of events and dead letters, in Arrow and in Spark."""

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
    fields = {field: TIME if field == contract.timestamp else pa.string() for field in contract.fields[:-1]}
    return pa.schema(fields | {"arrived_at": TIME, "sequence_number": pa.string(), "unknown_fields": pa.int32()})


def in_spark(schema: pa.Schema) -> str:
    types = {pa.string(): "string", TIME: "timestamp", pa.int32(): "int"}
    return ", ".join(f"{field.name}: {types[field.type]}" for field in schema)
