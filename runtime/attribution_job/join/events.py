"""The part of each event that the join in Spark reads."""

import functools
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from runtime.attribution_job.events.contract import CLICK, Contract
from runtime.attribution_job.events.pages import unpack
from runtime.attribution_job.events.schemas import TIME

COLUMNS = "user_id string not null, event_time timestamp not null, event_id string"
SCHEMA = pa.schema({"user_id": pa.string(), "event_time": TIME, "event_id": pa.string()})


def join_events(pages: DataFrame, contract: Contract) -> DataFrame:
    """Returns a row of COLUMNS for each event of the contract's kind in the pages of a stream.

    A robot's click has a unique `user_id`, with which it matches nothing, and moves the watermark.
    """
    return pages.mapInArrow(functools.partial(_rows, contract=contract), COLUMNS)


def _rows(batches: Iterable[pa.RecordBatch], contract: Contract) -> Iterator[pa.RecordBatch]:
    for pages in batches:
        events = unpack(pages.filter(pc.equal(pages["kind"], contract.kind)))._asdict()[contract.kind]
        user_ids = events["user_id"]
        if contract == CLICK:
            user_ids = pc.if_else(events["is_bot"], _unique_keys(events), user_ids)
        yield from pa.table([user_ids, events[contract.timestamp], events[contract.id]], schema=SCHEMA).to_batches()


def _unique_keys(clicks: pa.Table) -> pa.ChunkedArray:
    """Returns a unique text for each click that is no user's id: ids do not begin with a blank."""
    numbers = clicks["record_index"].cast(pa.string())
    return pc.binary_join_element_wise("", CLICK.kind, clicks["sequence_number"], numbers, " ")
