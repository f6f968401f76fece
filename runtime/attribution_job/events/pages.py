"""Pages of parsed events as rows of Spark: a row for each kind of event in a page of records.

Spark stores the rows of a micro-batch one by one and copies them twice. With a row for each record it takes three times
as long.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import DataFrame

from runtime.attribution_job.events.contract import CONTRACTS, Contract
from runtime.attribution_job.events.parsing import read_page
from runtime.attribution_job.events.schemas import DEAD_LETTER, PAGE, event_schema
from runtime.attribution_job.events.tables import Parsed

if TYPE_CHECKING:
    from runtime.attribution_job.events.mapping import EventMapping

SCHEMAS = {kind: event_schema(contract) for kind, contract in CONTRACTS.items()} | {"dead_letter": DEAD_LETTER}
# Spark copies each page several times. LZ4 halves a page (223 to 96 bytes a click) for 0.3 µs an event. To wake Arrow's
# threads takes longer than a small page.
COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
IN_ONE_THREAD = pa.ipc.IpcReadOptions(use_threads=False)


def parse_records(records: DataFrame, contract: Contract, mapping: "EventMapping | None" = None) -> DataFrame:
    """Applies `parse_page` to the rows of a source that has a row for each record."""

    def parse(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (parse_page(batch, contract, mapping) for batch in batches)

    return records.mapInArrow(parse, PAGE)


def parse_page(records: pa.RecordBatch, contract: Contract, mapping: "EventMapping | None" = None) -> pa.RecordBatch:
    """Applies `parsing.read_page` to a page of records.

    Returns:
        Rows of PAGE: one for each kind of event that occurs.
    """
    parsed = read_page(records, contract, mapping)
    tables = {kind: table for kind, table in parsed._asdict().items() if len(table)}
    return pa.record_batch(
        {
            "kind": pa.array(tables, pa.string()),
            "rows": pa.array(map(_to_ipc, tables.values()), pa.binary()),
        }
    )


def unpack(rows: pa.Table | pa.RecordBatch) -> Parsed:
    """Returns the events in rows of PAGE."""
    tables = {kind: [schema.empty_table()] for kind, schema in SCHEMAS.items()}
    for kind, page in zip(rows["kind"].to_pylist(), rows["rows"], strict=True):
        tables[kind].append(pa.ipc.open_stream(page.as_buffer(), options=IN_ONE_THREAD).read_all())
    return Parsed(**{kind: pa.concat_tables(parts) for kind, parts in tables.items()})


def _to_ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=COMPRESSED) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
