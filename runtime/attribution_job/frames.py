"""Steps from the sources to the sink, for both places of the join.

Spark: `attribute` prepares the stream, and `stage_joined` turns a micro-batch into the sink's tables.
PostgreSQL: `collect` prepares the stream, and `stage_pages` turns a micro-batch into the sink's tables.
"""

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from runtime.attribution_job.events.pages import unpack
from runtime.attribution_job.join.attribution import add_join_window, join_clicks, keep_first_click
from runtime.attribution_job.join.events import checkout_rows, click_rows
from runtime.attribution_job.join.rule import WATERMARK_DELAY


def attribute(click_pages: DataFrame, checkout_pages: DataFrame) -> DataFrame:
    """Joins both streams in Spark.

    Returns:
        One stream of all rows that the sink writes, because one transaction has to hold all rows of a user: the pages
        of both streams, and `candidate` with `user_id` and `join_window`. In each row one of both is null.
    """
    clicks = _in_windows(click_rows(click_pages)).where("own_block").select("user_id", "join_window", "clicks")
    # A sum of a timestamp and an interval has no watermark.
    checkout_timestamp = F.expr("event_time + interval 0 seconds").alias("checkout_timestamp")
    checkouts = _in_windows(checkout_rows(checkout_pages)).select(
        "user_id", "join_window", "checkout_id", checkout_timestamp
    )
    candidates = join_clicks(checkouts, clicks).select(
        "user_id", "join_window", F.struct("checkout_id", "click_id", "click_timestamp").alias("candidate")
    )
    return collect(click_pages, checkout_pages).unionByName(candidates, allowMissingColumns=True)


def stage_joined(batch: DataFrame) -> dict[str, pa.Table]:
    """Converts a micro-batch of `attribute` to the sink's tables, by kind of row."""
    rows = keep_first_click(batch).select("kind", "rows", "candidate").toArrow()
    pages = rows.filter(pc.is_valid(rows["kind"]))
    return unpack(pages)._asdict() | {"candidate": _flatten(rows["candidate"])}


def collect(click_pages: DataFrame, checkout_pages: DataFrame) -> DataFrame:
    """Unites the pages of both streams. For the join in PostgreSQL: Spark keeps no state."""
    return click_pages.unionByName(checkout_pages)


def stage_pages(batch: DataFrame) -> dict[str, pa.Table]:
    """Unpacks a micro-batch of `collect` into the sink's tables, by kind of row."""
    return unpack(batch.toArrow())._asdict()


def _in_windows(rows: DataFrame) -> DataFrame:
    return add_join_window(rows.withWatermark("event_time", WATERMARK_DELAY))


def _flatten(rows: pa.ChunkedArray) -> pa.Table:
    """Drops null structs and turns the fields of the others into columns."""
    structs = rows.combine_chunks().drop_null()
    return pa.Table.from_arrays(structs.flatten(), names=[field.name for field in structs.type])
