"""Parses Kinesis records into accepted events and dead letters.

`reading` defines what becomes of one record. Most records are one plain event and take the fast path in `plain`: Arrow
parses them column by column, ten times as fast. The others are unpacked, and the plain events inside take the same
path. All other events are read one by one. Both paths give the same result.
"""

import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, REFUND, Contract
from runtime.attribution_job.events.framing import Piece, unpack
from runtime.attribution_job.events.plain import read_plain
from runtime.attribution_job.events.reading import outcomes, read_piece
from runtime.attribution_job.events.schemas import DEAD_LETTER, TIME, event_schema, spark_fields
from runtime.attribution_job.events.tables import Parsed, Row, concatenate, parsed_events, parsed_rows
from runtime.attribution_job.events.values.times import EPOCH
from runtime.attribution_job.sources import records as source_records

if TYPE_CHECKING:
    from runtime.attribution_job.events.mapping import EventMapping

__all__ = ["Parsed", "parse", "parsed_structs", "read"]


def read(records: pa.Table, contract: Contract, mapping: "EventMapping | None" = None) -> Parsed:
    """Reads records (the five columns of a Kinesis source) of a stream whose events follow `contract`.

    Every record gives at least one row in one of the tables, and exactly one row whose `record_index` is 0. Refunds
    come with checkouts. With a mapping, a stream can have every kind of event.
    """
    read_one = functools.partial(_read_batch, contract=contract, mapping=mapping)
    with ThreadPoolExecutor() as threads:  # Arrow releases the GIL while it parses.
        return concatenate([parsed_rows([]), *threads.map(read_one, records.to_batches())])


def parse(records: DataFrame, contract: Contract) -> DataFrame:
    """Applies `read` to the rows of a source.

    Returns:
        `user_id`, `event_time`, and the structs `event`, `refund` (of the checkouts stream) and `dead_letter`, of which
        one is not null. Refunds, dead letters and robots' clicks have a unique `user_id`, with which they match nothing
        in the join. Refunds and dead letters have the epoch as `event_time`.
    """
    structs = ", ".join(f"{name} struct<{spark_fields(schema)}>" for name, schema in parsed_structs(contract).items())
    rows = f"user_id string not null, event_time timestamp not null, {structs}"
    return records.mapInArrow(functools.partial(_parse_batches, contract=contract), rows)


def parsed_structs(contract: Contract) -> dict[str, pa.Schema]:
    """Returns the columns of each struct in the rows of `parse`."""
    refund = {"refund": event_schema(REFUND)} if contract == CHECKOUT else {}
    return {"event": event_schema(contract), **refund, "dead_letter": DEAD_LETTER}


def _read_batch(records: pa.RecordBatch, contract: Contract, mapping: "EventMapping | None" = None) -> Parsed:
    # A mapped event has another shape than a plain one.
    if mapping is not None:
        return parsed_rows(
            (record, outcome)
            for record in records.to_pylist()
            for outcome in outcomes(record["data"], record["approximateArrivalTimestamp"], contract, mapping)
        )
    records = records.append_column("record_index", pa.repeat(pa.scalar(0, pa.int32()), len(records)))
    events, others = read_plain(records, contract)
    if not len(others):
        return parsed_events(events, contract)
    inner_records, rows = _unpack(others, contract)
    inner_events, odd_records = read_plain(inner_records, contract)
    rows += [
        _read_one(record, Piece(record["record_index"], record["data"]), contract) for record in odd_records.to_pylist()
    ]
    return concatenate([parsed_events(pa.concat_tables([events, inner_events]), contract), parsed_rows(rows)])


def _unpack(records: pa.RecordBatch, contract: Contract) -> tuple[pa.RecordBatch, list[Row]]:
    """Unpacks records that are not plain.

    Returns:
        The events from within the records, as records of their own; and the rows of all other pieces.
    """
    positions, inner, rows = [], [], []
    for position, record in enumerate(records.to_pylist()):
        for piece in unpack(record["data"]):
            if piece.ignored or piece.reason is not None or piece.data == record["data"]:
                rows.append(_read_one(record, piece, contract))
            else:
                positions.append(position)
                inner.append(piece)
    columns = records.drop_columns(["data", "record_index"]).take(pa.array(positions, pa.int64()))
    data = pa.array([piece.data for piece in inner], pa.binary())
    indexes = pa.array([piece.index for piece in inner], pa.int32())
    return columns.append_column("data", data).append_column("record_index", indexes), rows


def _read_one(record: dict[str, Any], piece: Piece, contract: Contract) -> Row:
    return record, read_piece(piece, record["approximateArrivalTimestamp"], contract)


def _parse_batches(batches: Iterable[pa.RecordBatch], contract: Contract) -> Iterator[pa.RecordBatch]:
    for rows in batches:
        for records in source_records.unpack(rows).to_batches():
            if len(records):
                yield from _spark_rows(_read_batch(records, contract), contract).to_batches()


def _spark_rows(parsed: Parsed, contract: Contract) -> pa.Table:
    """Returns the columns that `parse` declares, for events, refunds and dead letters together."""
    events, refunds, letters = parsed.of(contract), parsed.refunds, parsed.dead_letters
    user_id = events["user_id"]
    if contract == CLICK:
        user_id = pc.if_else(events["is_bot"], _unique_key(events, contract.kind), user_id)
    columns_by_struct = {
        "event": (events, user_id, events[contract.timestamp]),
        "refund": (refunds, _unique_key(refunds, "refund"), _epochs(refunds)),
        "dead_letter": (letters, _unique_key(letters, letters["stream_name"]), _epochs(letters)),
    }
    structs = parsed_structs(contract)
    types = {name: pa.struct(schema) for name, schema in structs.items()}
    schema = pa.schema({"user_id": pa.string(), "event_time": TIME, **types})
    tables = [
        pa.table(
            [
                user_ids,
                times,
                *(rows.to_struct_array() if name == struct else pa.nulls(len(rows), types[name]) for name in structs),
            ],
            schema=schema,
        )
        for struct in structs
        for rows, user_ids, times in [columns_by_struct[struct]]
    ]
    return pa.concat_tables(tables).combine_chunks()


def _unique_key(rows: pa.Table, stream: str | pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a unique text for each row that is no user's id: ids do not begin with a blank."""
    return pc.binary_join_element_wise("", stream, rows["sequence_number"], rows["record_index"].cast(pa.string()), " ")


def _epochs(rows: pa.Table) -> pa.Array:
    return pa.repeat(pa.scalar(EPOCH, TIME), len(rows))
