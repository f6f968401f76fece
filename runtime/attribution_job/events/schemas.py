"""Columns of events and dead letters, as Arrow schemas, and of the pages that carry them."""

import functools

import pyarrow as pa

from runtime.attribution_job.events.contract import Contract

TIME = pa.timestamp("us", tz="UTC")
# A row without a reason is a record, or a part of one, that is ignored: it is counted, and not stored.
DEAD_LETTER = pa.schema(
    {
        "stream_name": pa.string(),
        "sequence_number": pa.string(),
        "record_index": pa.int32(),
        "partition_key": pa.string(),
        "reason": pa.string(),
        "data": pa.string(),
        "arrived_at": TIME,
    }
)
# Columns of a page, as a Spark DDL string. `rows` are the events of a kind, or the dead letters, as a stream of Arrow's
# IPC format.
PAGE = "kind string, rows binary"


@functools.cache
def event_schema(contract: Contract) -> pa.Schema:
    """Returns the columns of accepted events.

    `items` is JSON text. Amounts are decimal text. `repairs` is PostgreSQL's text form of an array, or null.
    `unknown_names` has commas between the names of unknown fields, or is null.
    """
    special_types = {contract.timestamp: TIME, "revision": pa.int64()} | dict.fromkeys(contract.flags, pa.bool_())
    fields = {field: special_types.get(field, pa.string()) for field in contract.stored}
    reading = {"stated_timestamp": TIME, "repairs": pa.string()}
    record = {"arrived_at": TIME, "sequence_number": pa.string(), "record_index": pa.int32()}
    return pa.schema(fields | reading | record | {"unknown_fields": pa.int32(), "unknown_names": pa.string()})
