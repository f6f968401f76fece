"""Parses Kinesis records into accepted events and dead letters.

`reading` defines what becomes of one record. Most records are one plain event and take the fast path in `plain`: Arrow
parses them column by column, ten times as fast. The others are unpacked, and the plain events inside take the same
path. All other events are read one by one. Both paths give the same result.
"""

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from runtime.attribution_job.events.contract import Contract
from runtime.attribution_job.events.framing import Piece, unpack
from runtime.attribution_job.events.plain import read_plain
from runtime.attribution_job.events.reading import outcomes, read_piece
from runtime.attribution_job.events.tables import Parsed, Row, concatenate, parsed_events, parsed_rows

if TYPE_CHECKING:
    from runtime.attribution_job.events.mapping import EventMapping

__all__ = ["Parsed", "read", "read_page"]


def read(records: pa.Table, contract: Contract, mapping: "EventMapping | None" = None) -> Parsed:
    """Applies `read_page` to the chunks of a table, side by side: Arrow releases the GIL while it parses."""
    read_one = functools.partial(read_page, contract=contract, mapping=mapping)
    with ThreadPoolExecutor() as threads:
        return concatenate([parsed_rows([]), *threads.map(read_one, records.to_batches())])


def read_page(records: pa.RecordBatch, contract: Contract, mapping: "EventMapping | None" = None) -> Parsed:
    """Reads records (the five columns of a Kinesis source) of a stream whose events follow `contract`.

    Every record gives at least one row in one of the tables, and exactly one row whose `record_index` is 0. Refunds
    come with checkouts. With a mapping, a stream can have every kind of event.
    """
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
