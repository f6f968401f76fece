"""Reads the records that are plain JSON with Arrow, all of them at once."""

import functools

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from runtime.attribution_job.events.contract import SCHEMA_VERSION, Contract
from runtime.attribution_job.events.schemas import TIME, event_schema
from runtime.attribution_job.events.validation import (
    MOST_AHEAD,
    MOST_BYTES,
    MOST_ID_CHARACTERS,
    write_items,
)

# A block of JSON lines has to hold the longest of them.
LARGEST_BLOCK = 4 * MOST_BYTES
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


def read_plain(records: pa.RecordBatch, contract: Contract) -> tuple[pa.Table, list[pa.RecordBatch]]:
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
