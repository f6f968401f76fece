"""Parsed events as rows with a struct for each kind of event, for the join in Spark."""

import functools
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, REFUND, Contract
from runtime.attribution_job.events.pages import unpack
from runtime.attribution_job.events.schemas import DEAD_LETTER, TIME, event_schema, spark_fields
from runtime.attribution_job.events.tables import Parsed
from runtime.attribution_job.events.values.times import EPOCH


def spread(pages: DataFrame, contract: Contract) -> DataFrame:
    """Returns a row for each event in the pages of a stream whose events follow `contract`.

    Returns:
        `user_id`, `event_time`, and the structs `event`, `refund` (of the checkouts stream) and `dead_letter`, of which
        one is not null. Refunds, dead letters and robots' clicks have a unique `user_id`, with which they match nothing
        in the join. Refunds and dead letters have the epoch as `event_time`.
    """
    structs = ", ".join(f"{name} struct<{spark_fields(schema)}>" for name, schema in parsed_structs(contract).items())
    rows = f"user_id string not null, event_time timestamp not null, {structs}"
    return pages.mapInArrow(functools.partial(_spread_pages, contract=contract), rows)


def parsed_structs(contract: Contract) -> dict[str, pa.Schema]:
    """Returns the columns of each struct in the rows of `spread`."""
    refund = {"refund": event_schema(REFUND)} if contract == CHECKOUT else {}
    return {"event": event_schema(contract), **refund, "dead_letter": DEAD_LETTER}


def _spread_pages(batches: Iterable[pa.RecordBatch], contract: Contract) -> Iterator[pa.RecordBatch]:
    for pages in batches:
        yield from _spark_rows(unpack(pages), contract).to_batches()


def _spark_rows(parsed: Parsed, contract: Contract) -> pa.Table:
    """Returns the columns that `spread` declares, for events, refunds and dead letters together."""
    events, refunds, letters = parsed._asdict()[contract.kind], parsed.refund, parsed.dead_letter
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
