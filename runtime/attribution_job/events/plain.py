"""The fast path for plain events: Arrow's JSON reader parses all of them at once.

An event is plain when its bytes match `plain_pattern` and its values need no repair. `validation` reads all other
events, and gives the same result for plain ones.
"""

import functools

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from runtime.attribution_job.events.contract import Contract
from runtime.attribution_job.events.plain_items import write_plain_items
from runtime.attribution_job.events.plain_patterns import PLAIN_ITEM_REPEATS_A_FIELD, plain_pattern
from runtime.attribution_job.events.plain_values import is_plain
from runtime.attribution_job.events.schemas import TIME, event_schema
from runtime.attribution_job.events.validation import MAX_BYTES

# Arrow requires a block to hold the longest JSON line.
BLOCK_BYTES = 4 * MAX_BYTES
# Fields that few shops send. Arrow infers their types: each field of its schema that a record lacks takes time.
RARE = frozenset(
    ("referrer", "experiment_id", "variant", "is_bot", "user_agent", "sent_at", "revision", "cancelled", "test")
)
# Records in a block that is searched for repeated fields.
SMALL_BLOCK = 256
ITEM = pa.struct({"product_id": pa.string(), "quantity": pa.int32(), "unit_price": pa.string()})

# Records, and their fields; null if Arrow cannot parse them.
Block = tuple[pa.RecordBatch, pa.Table | None]


def read_plain(records: pa.RecordBatch, contract: Contract) -> tuple[pa.Table, pa.RecordBatch]:
    """Reads plain events.

    Args:
        records: the columns of a Kinesis source, and `record_index`.

    Returns:
        The events of the plain records, and the remaining records.
    """
    candidates, others = _split(records, pc.match_substring_regex(records["data"], plain_pattern(contract)))
    blocks = [_read_block(block, contract) for block in _parse_blocks(candidates, contract)]
    events = [event_schema(contract).empty_table(), *(accepted for accepted, _ in blocks)]
    return pa.concat_tables(events), pa.concat_batches([others, *(odd for _, odd in blocks)])


def _read_block(block: Block, contract: Contract) -> tuple[pa.Table, pa.RecordBatch]:
    """Returns the events of a block's plain records, and the block's other records."""
    records, values = block
    if values is None:
        return event_schema(contract).empty_table(), records
    is_accepted = is_plain(records, values, contract)
    accepted, odd = _split(records, is_accepted)
    return _events(values.filter(is_accepted) if len(odd) else values, accepted, contract), odd


def _split(records: pa.RecordBatch, mask: pa.BooleanArray) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Returns the records for which the mask is true, and the others."""
    if mask.true_count == len(records):
        return records, records.slice(0, 0)
    return records.filter(mask), records.filter(pc.invert(mask))


def _parse_blocks(records: pa.RecordBatch, contract: Contract) -> list[Block]:
    """Parses records that match `plain_pattern`.

    Arrow refuses all records together if one of them has a field twice. Then each half is parsed by itself, until a
    small block is left. A search for repeated fields in all records would take longer than parsing them.
    """
    if not len(records):
        return []
    values = _parse(records, contract)
    if values is not None:
        return [(records, values)]
    if len(records) > SMALL_BLOCK:
        half = len(records) // 2
        return [*_parse_blocks(records.slice(0, half), contract), *_parse_blocks(records.slice(half), contract)]
    repeating, others = _split(records, _repeats_a_field(records, contract))
    return [(repeating, None), (others, _parse(others, contract) if len(others) else None)]


def _parse(records: pa.RecordBatch, contract: Contract) -> pa.Table | None:
    """Returns the fields of the records, or null if Arrow refuses one of them."""
    # With a line break after each record, the column's buffer is a JSON lines file.
    lines = pc.binary_join_element_wise(records["data"], b"", b"\n").buffers()[2]
    schema = _json_schema(contract)
    try:
        values = _read_json(lines, pa.schema([field for field in schema if field.name not in RARE]))
        if not _has_types(values, schema):
            values = _read_json(lines, schema)
    except pa.ArrowInvalid:
        return None
    columns = [
        values[field.name] if field.name in values.schema.names else pa.nulls(len(values), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema) if len(values) == len(records) else None


def _has_types(values: pa.Table, schema: pa.Schema) -> bool:
    """Tells whether Arrow inferred the right types. It takes texts for times if all of them look so."""
    types = {field.name: field.type for field in values.schema}
    return all(types.get(field.name, pa.null()) in (field.type, pa.null()) for field in schema)


def _read_json(lines: pa.Buffer, schema: pa.Schema) -> pa.Table:
    return json.read_json(
        pa.BufferReader(lines),
        json.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="infer"),
    )


def _repeats_a_field(records: pa.RecordBatch, contract: Contract) -> pa.BooleanArray:
    """Tells which records that match `plain_pattern` have a field twice, in the event or in an item."""
    data = records["data"]
    repeats = [pc.greater(pc.count_substring(data, f'"{field}":'), 1) for field in contract.fields]
    if contract.sale:
        repeats.append(pc.match_substring_regex(data, PLAIN_ITEM_REPEATS_A_FIELD))
    return functools.reduce(pc.or_, repeats)


def _events(values: pa.Table, records: pa.RecordBatch, contract: Contract) -> pa.Table:
    columns = {
        **{field: values[field] for field in contract.stored},
        **{flag: pc.fill_null(values[flag], False) for flag in contract.flags},
        "stated_timestamp": pa.nulls(len(values), TIME),
        "repairs": pa.nulls(len(values), pa.string()),
        "arrived_at": records["approximateArrivalTimestamp"],
        "sequence_number": records["sequenceNumber"],
        "record_index": records["record_index"],
        "unknown_fields": pa.repeat(pa.scalar(0, pa.int32()), len(values)),
        "unknown_names": pa.nulls(len(values), pa.string()),
    }
    if contract.sale:
        columns["items"] = write_plain_items(values["items"])
        columns["revision"] = pc.fill_null(values["revision"], 0)
    schema = event_schema(contract)
    return pa.table([columns[name] for name in schema.names], schema=schema)


@functools.cache
def _json_schema(contract: Contract) -> pa.Schema:
    """Returns the types of the fields that are read. Only events with an odd time need `sent_at`."""
    types = {
        contract.timestamp: TIME,
        "schema_version": pa.int64(),
        "revision": pa.int64(),
        "items": pa.list_(ITEM),
    }
    types |= dict.fromkeys(contract.flags, pa.bool_())
    return pa.schema({field: types.get(field, pa.string()) for field in sorted(contract.fields - {"sent_at"})})
