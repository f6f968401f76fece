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
from pyspark.sql import DataFrame

from runtime.attribution_job.events.contract import Contract
from runtime.attribution_job.events.plain import read_plain
from runtime.attribution_job.events.schemas import DEAD_LETTER, TIME, event_schema, in_spark
from runtime.attribution_job.events.validation import (
    EPOCH,
    RefusedError,
    read_event,
)


class Parsed(NamedTuple):
    """`events` has the columns of `event_schema`, `dead_letters` those of DEAD_LETTER."""

    events: pa.Table
    dead_letters: pa.Table


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
        event struct<{in_spark(event_schema(contract))}>, dead_letter struct<{in_spark(DEAD_LETTER)}>
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


def _read_batch(records: pa.RecordBatch, contract: Contract) -> Parsed:
    plain, rest = read_plain(records, contract)
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
