"""Records in, accepted events and dead letters out, a column at a time.

What a contract demands is said in `validation`, of one record. Here the many records that are plain are read by
Arrow, ten times as fast, and only the others one by one: the outcome is the same.
"""

import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json
from pyspark.sql import DataFrame

from runtime.attribution_job.contract import SCHEMA_VERSION, Contract
from runtime.attribution_job.validation import (
    EPOCH,
    MOST_AHEAD,
    MOST_BYTES,
    MOST_ID_CHARACTERS,
    RefusedError,
    read_event,
    write_items,
)

TIME = pa.timestamp("us", tz="UTC")
# A block of JSON lines has to hold the longest of them.
LARGEST_BLOCK = 4 * MOST_BYTES
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
ITEM = pa.struct({"product_id": pa.string(), "quantity": pa.int32(), "unit_price": pa.string()})

# Plain JSON, as regular expressions of RE2: strings without escapes, and times that every calendar has.
STRING = r'"[^"\\\x00-\x1f]*"'
COUNT = r"(?:0|[1-9][0-9]{0,8})"
TIMESTAMP = (
    r'"(?:19[7-9][0-9]|2[0-9]{3})-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)'
    r'|(?:0[13578]|1[02])-31)T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z"'
)
AMOUNT = r'"[0-9]{1,10}(?:\.[0-9]{1,2})?"'
CURRENCY = r'"[A-Z]{3}"'
PLAIN_ITEM_FIELD = rf'(?:"product_id": ?{STRING}|"quantity": ?{COUNT}|"unit_price": ?{STRING})'
PLAIN_ITEM = rf"\{{{PLAIN_ITEM_FIELD}(?:, ?{PLAIN_ITEM_FIELD})*\}}"


class Parsed(NamedTuple):
    """`events` has the columns of `event_schema`, `dead_letters` those of DEAD_LETTER."""

    events: pa.Table
    dead_letters: pa.Table


def event_schema(contract: Contract) -> pa.Schema:
    fields = {field: TIME if field == contract.timestamp else pa.string() for field in contract.fields[:-1]}
    return pa.schema(fields | {"arrived_at": TIME, "sequence_number": pa.string(), "unknown_fields": pa.int32()})


def read(records: pa.Table, contract: Contract) -> Parsed:
    """Reads records (the five columns of a Kinesis source) as events of `contract`, each or its dead letter."""
    with ThreadPoolExecutor() as threads:  # Arrow leaves Python's lock to others while it works.
        batches = list(threads.map(functools.partial(_read_batch, contract=contract), records.to_batches()))
    return Parsed(
        pa.concat_tables([event_schema(contract).empty_table(), *(parsed.events for parsed in batches)]),
        pa.concat_tables([DEAD_LETTER.empty_table(), *(parsed.dead_letters for parsed in batches)]),
    )


def parse(records: DataFrame, contract: Contract) -> DataFrame:
    """`read` for a stream of records: `event` and `dead_letter`, of which one is null, and `user_id`, `event_time`.

    A dead letter has a `user_id` that nothing else has and the epoch as `event_time`, so that it joins with nothing.
    """
    rows = f"""
        user_id string not null, event_time timestamp not null,
        event struct<{_in_spark(event_schema(contract))}>, dead_letter struct<{_in_spark(DEAD_LETTER)}>
    """
    return records.mapInArrow(functools.partial(_parse_batches, contract=contract), rows)


def _parse_batches(batches: Iterable[pa.RecordBatch], contract: Contract) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if len(batch):
            yield from _rows(_read_batch(batch, contract), contract).to_batches()


def _rows(parsed: Parsed, contract: Contract) -> pa.Table:
    events, letters = parsed
    nobody = pc.binary_join_element_wise(letters["stream_name"], letters["sequence_number"], " ")
    halves = [
        {"user_id": events["user_id"], "event_time": events[contract.timestamp], "event": events.to_struct_array()},
        {
            "user_id": nobody,
            "event_time": pa.repeat(pa.scalar(EPOCH, TIME), len(letters)),
            "dead_letter": letters.to_struct_array(),
        },
    ]
    types = pa.schema(
        {
            "user_id": pa.string(),
            "event_time": TIME,
            "event": pa.struct(event_schema(contract)),
            "dead_letter": pa.struct(DEAD_LETTER),
        }
    )
    tables = [
        pa.table([half.get(field.name, pa.nulls(len(half["user_id"]), field.type)) for field in types], schema=types)
        for half in halves
    ]
    return pa.concat_tables(tables).combine_chunks()


def _in_spark(schema: pa.Schema) -> str:
    types = {pa.string(): "string", TIME: "timestamp", pa.int32(): "int"}
    return ", ".join(f"{field.name}: {types[field.type]}" for field in schema)


def _read_batch(records: pa.RecordBatch, contract: Contract) -> Parsed:
    plain, rest = _read_plain(records, contract)
    others = [_read_one_by_one(records, contract) for records in rest]
    return Parsed(
        pa.concat_tables([plain, *(parsed.events for parsed in others)]),
        pa.concat_tables([DEAD_LETTER.empty_table(), *(parsed.dead_letters for parsed in others)]),
    )


def _read_one_by_one(records: pa.RecordBatch, contract: Contract) -> Parsed:
    events, letters = [], []
    for record in records.to_pylist():
        try:
            event = read_event(record["data"], record["approximateArrivalTimestamp"], contract)
        except RefusedError as refusal:
            letters.append(_dead_letter(record, str(refusal)))
        else:
            arrival = {
                "arrived_at": record["approximateArrivalTimestamp"],
                "sequence_number": record["sequenceNumber"],
            }
            events.append(event | arrival)
    return Parsed(
        pa.Table.from_pylist(events, schema=event_schema(contract)),
        pa.Table.from_pylist(letters, schema=DEAD_LETTER),
    )


def _dead_letter(record: dict[str, Any], reason: str) -> dict[str, Any]:
    """`data` is the original bytes as PostgreSQL reads them."""
    return {
        "stream_name": record["streamName"],
        "sequence_number": record["sequenceNumber"],
        "partition_key": record["partitionKey"],
        "reason": reason,
        "data": "\\x" + record["data"].hex(),
        "arrived_at": record["approximateArrivalTimestamp"],
    }


def _read_plain(records: pa.RecordBatch, contract: Contract) -> tuple[pa.Table, list[pa.RecordBatch]]:
    """The events of the records that are plain and right; and the other records."""
    is_plain = pc.match_substring_regex(records["data"], plain(contract))
    candidates = records.filter(is_plain)
    try:
        # Each ends with a line break, so that their bytes together are JSON lines.
        lines = pc.binary_join_element_wise(candidates["data"].cast(pa.string()), "", "\n")
        values = json.read_json(
            pa.BufferReader(lines.buffers()[2]),
            json.ReadOptions(use_threads=False, block_size=LARGEST_BLOCK),
            json.ParseOptions(explicit_schema=_json_schema(contract), unexpected_field_behavior="error"),
        ).combine_chunks()
    except pa.ArrowInvalid:  # Nothing is plain; or one of them is not UTF-8, or has a field twice.
        return event_schema(contract).empty_table(), [records]
    is_right = _is_right(candidates, values, contract)
    arrivals = candidates.select(["approximateArrivalTimestamp", "sequenceNumber"])
    return _events(values.filter(is_right), arrivals.filter(is_right), contract), [
        records.filter(pc.invert(is_plain)),
        candidates.filter(pc.invert(is_right)),
    ]


def _is_right(records: pa.RecordBatch, values: pa.Table, contract: Contract) -> pa.Array:
    """What `plain` cannot say of an event: every required field is there, no id too long, the time not ahead."""
    lengths = [pc.utf8_length(values[field]) for field in contract.ids]
    limit = pc.add(records["approximateArrivalTimestamp"], pa.scalar(MOST_AHEAD))
    checks = [
        pc.less_equal(pc.binary_length(records["data"]), MOST_BYTES),
        *[pc.and_(pc.greater(length, 0), pc.less_equal(length, MOST_ID_CHARACTERS)) for length in lengths],
        pc.less_equal(values[contract.timestamp], limit),
        *[pc.is_valid(values[field]) for field in contract.required],
    ]
    return pc.fill_null(functools.reduce(pc.and_, checks), False)


def _events(values: pa.Table, arrivals: pa.RecordBatch, contract: Contract) -> pa.Table:
    columns = [values[field] for field in contract.texts]
    if contract.sale:
        columns.append(pa.array(map(write_items, values["items"].to_pylist()), pa.string()))
    unknown_fields = pa.repeat(pa.scalar(0, pa.int32()), len(values))
    return pa.table([*columns, *arrivals.columns, unknown_fields], schema=event_schema(contract))


@functools.cache
def plain(contract: Contract) -> str:
    """Matches an object that has only fields of the contract, all of the right type; one may be there twice."""
    known = {"total_amount": AMOUNT, "currency": CURRENCY, contract.timestamp: TIMESTAMP}
    values = [f'"{field}": ?{known.get(field, STRING)}' for field in contract.required]
    values += [f'"{label}": ?(?:{STRING}|null)' for label in contract.labels]
    values += [f'"items": ?(?:{_list_of(PLAIN_ITEM)}|null)'] if contract.sale else []
    field = f'(?:{"|".join(values)}|"schema_version": ?{SCHEMA_VERSION})'
    return rf"^\{{{field}(?:, ?{field})*\}}\z"


def _list_of(item: str) -> str:
    return rf"\[(?:{item}(?:, ?{item})*)?\]"


def _json_schema(contract: Contract) -> pa.Schema:
    fields = {field: TIME if field == contract.timestamp else pa.string() for field in contract.texts}
    items = {"items": pa.list_(ITEM)} if contract.sale else {}
    return pa.schema(fields | items | {"schema_version": pa.int64()})
