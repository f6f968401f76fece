"""The fast path for plain records: Arrow's JSON reader parses all of them at once.

A record is plain when its bytes match `plain_pattern`. `validation` handles all other records.
"""

import functools

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from runtime.attribution_job.events.contract import SCHEMA_VERSION, Contract
from runtime.attribution_job.events.schemas import TIME, event_schema
from runtime.attribution_job.events.validation import (
    MAX_AHEAD,
    MAX_BYTES,
    MAX_ID_CHARACTERS,
    write_items,
)

# Arrow requires a block to hold the longest JSON line.
BLOCK_BYTES = 4 * MAX_BYTES
ITEM = pa.struct({"product_id": pa.string(), "quantity": pa.int32(), "unit_price": pa.string()})

# Plain JSON in RE2 syntax. Strings have no escapes. Dates exist in every year, so 29 February is not plain.
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
    """Reads plain records that meet the contract.

    Returns:
        The events of these records, and the remaining records, for `validation.read_event`.
    """
    is_plain = pc.match_substring_regex(records["data"], plain_pattern(contract))
    plain_records = records.filter(is_plain)
    try:
        # With a line break after each record, the column's buffer is a JSON lines file.
        lines = pc.binary_join_element_wise(plain_records["data"].cast(pa.string()), "", "\n")
        values = json.read_json(
            pa.BufferReader(lines.buffers()[2]),
            json.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            json.ParseOptions(explicit_schema=_json_schema(contract), unexpected_field_behavior="error"),
        ).combine_chunks()
    except pa.ArrowInvalid:  # No record is plain, or a plain one is invalid UTF-8 or repeats a field.
        return event_schema(contract).empty_table(), [records]
    is_valid = _is_valid(plain_records, values, contract)
    arrivals = plain_records.select(["approximateArrivalTimestamp", "sequenceNumber"])
    return _events(values.filter(is_valid), arrivals.filter(is_valid), contract), [
        records.filter(pc.invert(is_plain)),
        plain_records.filter(pc.invert(is_valid)),
    ]


def _is_valid(records: pa.RecordBatch, values: pa.Table, contract: Contract) -> pa.Array:
    """Checks the rules that `plain_pattern` cannot express: size, id lengths, time limit, required fields."""
    id_lengths = [pc.utf8_length(values[field]) for field in contract.ids]
    latest_time = pc.add(records["approximateArrivalTimestamp"], pa.scalar(MAX_AHEAD))
    checks = [
        pc.less_equal(pc.binary_length(records["data"]), MAX_BYTES),
        *[pc.and_(pc.greater(length, 0), pc.less_equal(length, MAX_ID_CHARACTERS)) for length in id_lengths],
        pc.less_equal(values[contract.timestamp], latest_time),
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
def plain_pattern(contract: Contract) -> str:
    """Returns a pattern of JSON objects with fields of the contract only, each of the right type.

    A match can repeat a field and can lack required ones.
    """
    special_values = {"total_amount": AMOUNT, "currency": CURRENCY, contract.timestamp: TIMESTAMP}
    values = [f'"{field}": ?{special_values.get(field, STRING)}' for field in contract.required]
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
