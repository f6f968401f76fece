"""The attribution job: arguments → sources → events → join → sink."""

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.parsing import parse, read
from runtime.attribution_job.join.attribution import join_clicks, keep_first_click
from runtime.attribution_job.join.rule import WATERMARK_DELAY


def attribute(click_records: DataFrame, checkout_records: DataFrame) -> DataFrame:
    """Records of both streams to what the sink writes, as one frame, so that one transaction can hold it.

    Gives `user_id`, `event_time` and one struct column for each kind of row (`click`, `checkout`, `dead_letter`,
    `candidate`), of which one is set in every row.
    """
    # Partitioned here, a stream is parsed once for both of its uses, and everything below stays in place.
    clicks, checkouts = (
        parse(records, contract).withWatermark("event_time", WATERMARK_DELAY).repartition("user_id")
        for records, contract in ((click_records, CLICK), (checkout_records, CHECKOUT))
    )
    candidates = join_clicks(_for_join(checkouts, CHECKOUT), _for_join(clicks, CLICK))
    # Nullable, because Arrow takes no null struct of fields that are not.
    click_timestamp = F.when(F.col("click_id").isNotNull(), F.col("click_timestamp"))
    found = candidates.select(
        "user_id",
        F.col("click_timestamp").alias("event_time"),
        F.struct("checkout_id", "click_id", click_timestamp.alias("click_timestamp")).alias("candidate"),
    )
    raw = clicks.withColumnRenamed("event", "click").unionByName(
        checkouts.withColumnRenamed("event", "checkout"), allowMissingColumns=True
    )
    return raw.unionByName(found, allowMissingColumns=True)


def stage_parsed(batch: DataFrame) -> dict[str, pa.Table]:
    """A micro-batch of `attribute` as the sink's tables."""
    rows = keep_first_click(batch).toArrow()
    return {kind: _flatten(rows[kind]) for kind in ("click", "checkout", "dead_letter", "candidate")}


def collect(click_records: DataFrame, checkout_records: DataFrame) -> DataFrame:
    """Records of both streams as they are, and of which `kind`: the join is left to PostgreSQL, and Spark keeps no
    state.
    """
    return click_records.withColumn("kind", F.lit("click")).unionByName(
        checkout_records.withColumn("kind", F.lit("checkout"))
    )


def stage_records(batch: DataFrame) -> dict[str, pa.Table]:
    """A micro-batch of `collect` as the sink's tables."""
    records = batch.toArrow()
    clicks, checkouts = (
        read(records.filter(pc.equal(records["kind"], kind)), contract)
        for kind, contract in (("click", CLICK), ("checkout", CHECKOUT))
    )
    return {
        "click": clicks.events,
        "checkout": checkouts.events,
        "dead_letter": pa.concat_tables([clicks.dead_letters, checkouts.dead_letters]),
    }


def _flatten(rows: pa.ChunkedArray) -> pa.Table:
    """The structs that are set, with their fields as columns."""
    structs = rows.combine_chunks().drop_null()
    return pa.Table.from_arrays(structs.flatten(), names=[field.name for field in structs.type])


def _for_join(prepared: DataFrame, contract: Contract) -> DataFrame:
    """The events' user, id and time. It reads every column of the exchange, or the other use could not share it."""
    event_id = F.when(F.col("dead_letter").isNull(), F.col(f"event.{contract.id}"))
    return prepared.select("user_id", event_id.alias(contract.id), F.col("event_time").alias(contract.timestamp))
