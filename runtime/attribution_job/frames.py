"""Steps from the sources to the sink, for both places of the join.

Spark: `attribute` prepares the stream, and `stage_parsed` turns a micro-batch into the sink's tables.
PostgreSQL: `collect` prepares the stream, and `stage_pages` turns a micro-batch into the sink's tables.
"""

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.pages import unpack
from runtime.attribution_job.events.structs import parsed_structs, spread
from runtime.attribution_job.join.attribution import add_join_window, join_clicks, keep_first_click
from runtime.attribution_job.join.rule import WATERMARK_DELAY

# The kinds of row in a micro-batch of `attribute`.
STRUCTS = ("click", "checkout", "refund", "dead_letter", "candidate")


def attribute(click_pages: DataFrame, checkout_pages: DataFrame) -> DataFrame:
    """Joins both streams in Spark.

    Returns:
        One stream of all rows that the sink writes, because one transaction has to hold all rows of a user. Its columns
        include `user_id`, `join_window`, and the structs of STRUCTS. At most one of the structs is set in each row.
    """
    clicks = _prepare(click_pages, CLICK).where("first_hour")
    checkouts = _prepare(checkout_pages, CHECKOUT)
    # The raw rows and the join share this exchange: each stream is read once, and no later step shuffles again.
    clicks, checkouts = (events.repartition("user_id", "join_window") for events in (clicks, checkouts))
    candidates = join_clicks(_for_join(checkouts, CHECKOUT), _for_join(clicks, CLICK))
    # Arrow refuses a null struct with non-nullable fields, and `when` makes the field nullable.
    click_timestamp = F.when(F.col("click_id").isNotNull(), F.col("click_timestamp"))
    candidate_rows = candidates.select(
        "user_id",
        "join_window",
        F.struct("checkout_id", "click_id", click_timestamp.alias("click_timestamp")).alias("candidate"),
    )
    raw = clicks.withColumnRenamed("event", "click").unionByName(
        checkouts.withColumnRenamed("event", "checkout"), allowMissingColumns=True
    )
    return raw.unionByName(candidate_rows, allowMissingColumns=True)


def _prepare(pages: DataFrame, contract: Contract) -> DataFrame:
    """Gives each event a row for each of its join windows; the event itself is in the first one."""
    events = add_join_window(spread(pages, contract).withWatermark("event_time", WATERMARK_DELAY))
    in_first = {name: F.when(F.col("first_hour"), F.col(name)) for name in parsed_structs(contract)}
    return events.withColumns({"event_id": F.col(f"event.{contract.id}")} | in_first)


def stage_parsed(batch: DataFrame) -> dict[str, pa.Table]:
    """Converts a micro-batch of `attribute` to the sink's tables, by kind of row."""
    rows = keep_first_click(batch).select(*STRUCTS).toArrow()
    return {kind: _flatten(rows[kind]) for kind in STRUCTS}


def collect(click_pages: DataFrame, checkout_pages: DataFrame) -> DataFrame:
    """Unites the pages of both streams. For the join in PostgreSQL: Spark keeps no state."""
    return click_pages.unionByName(checkout_pages)


def stage_pages(batch: DataFrame) -> dict[str, pa.Table]:
    """Unpacks a micro-batch of `collect` into the sink's tables, by kind of row."""
    return unpack(batch.toArrow())._asdict()


def _flatten(rows: pa.ChunkedArray) -> pa.Table:
    """Drops null structs and turns the fields of the others into columns."""
    structs = rows.combine_chunks().drop_null()
    return pa.Table.from_arrays(structs.flatten(), names=[field.name for field in structs.type])


def _for_join(prepared: DataFrame, contract: Contract) -> DataFrame:
    """Selects the columns of the join.

    Refers to every column of `prepared`: Spark shares an exchange only between consumers of the same columns.
    """
    # A sum of a timestamp and an interval has no watermark.
    timestamp = F.expr("event_time + interval 0 seconds")
    no_struct = " and ".join(f"{name} is null" for name in parsed_structs(contract))
    event_id = F.when(F.expr(f"first_hour or ({no_struct})"), F.col("event_id"))
    return prepared.select("user_id", "join_window", event_id.alias(contract.id), timestamp.alias(contract.timestamp))
