"""The rows that the join in Spark reads."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Kind
from runtime.attribution_job.events.pages import unpack
from runtime.attribution_job.join.rule import BLOCK

CLICKS = (
    "user_id string not null, event_time timestamp not null,"
    " clicks array<struct<click_timestamp: timestamp, click_id: string>>"
)
CHECKOUTS = "user_id string not null, event_time timestamp not null, checkout_id string"
PAGE_SCHEMA = pa.schema({"kind": pa.string(), "rows": pa.binary()})
BLOCK_MICROSECONDS = pa.scalar(int(BLOCK / timedelta(microseconds=1)), pa.int64())


def click_rows(pages: DataFrame) -> DataFrame:
    """Returns the clicks in the pages of a micro-batch, with the columns of CLICKS: a row for each user and BLOCK.

    The state of the join has an entry for each row. `event_time` is the latest click's. A robot's click has a unique
    `user_id`, with which it matches nothing, and moves the watermark.
    """
    return pages.mapInArrow(_click_rows, CLICKS)


def checkout_rows(pages: DataFrame) -> DataFrame:
    """Returns a row with the columns of CHECKOUTS for each checkout in the pages of a stream."""
    return pages.mapInArrow(_checkout_rows, CHECKOUTS)


def _click_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    clicks = _events(batches, CLICK.kind)
    table = pa.table(
        {
            "user_id": pc.if_else(clicks["is_bot"], _unique_keys(clicks), clicks["user_id"]),
            "block": pc.divide(clicks["click_timestamp"].cast(pa.int64()), BLOCK_MICROSECONDS),
            "click_timestamp": clicks["click_timestamp"],
            "place": pa.array(range(len(clicks)), pa.int32()),
        }
    )
    columns = [("click_timestamp", "max"), ("place", "list")]
    groups = table.group_by(["user_id", "block"], use_threads=False).aggregate(columns).combine_chunks()
    if not len(groups):
        return
    # By place, because Arrow promises no order for the members of a list: two lists of columns could differ in it.
    places = groups["place_list"].chunk(0)
    members = clicks.select(["click_timestamp", "click_id"]).take(places.values).combine_chunks().to_struct_array()
    lists = pa.ListArray.from_arrays(places.offsets, members.combine_chunks())
    yield from pa.table(
        {"user_id": groups["user_id"], "event_time": groups["click_timestamp_max"], "clicks": lists}
    ).to_batches()


def _checkout_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for pages in batches:
        checkouts = _events([pages], CHECKOUT.kind)
        columns = {"user_id": "user_id", "event_time": "checkout_timestamp", "checkout_id": "checkout_id"}
        yield from pa.table({name: checkouts[source] for name, source in columns.items()}).to_batches()


def _events(batches: Iterable[pa.RecordBatch], kind: Kind) -> pa.Table:
    pages = pa.Table.from_batches(batches, PAGE_SCHEMA)
    return unpack(pages.filter(pc.equal(pages["kind"], kind)))._asdict()[kind]


def _unique_keys(clicks: pa.Table) -> pa.ChunkedArray:
    """Returns a unique text for each click that is no user's id: ids do not begin with a blank."""
    numbers = clicks["record_index"].cast(pa.string())
    return pc.binary_join_element_wise("", CLICK.kind, clicks["sequence_number"], numbers, " ")
