"""Rows of parsed events for the join in Spark."""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame, SparkSession

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.pages import parse_page
from runtime.attribution_job.events.schemas import PAGE
from runtime.attribution_job.events.structs import spread
from tests.runtime.attribution_job.events.examples import click, encode, full_checkout, records, refund


def frame(spark: SparkSession, data: Sequence[bytes], contract: Contract) -> DataFrame:
    """Returns pages of records as the rows of a source."""
    pages = [row for page in records(data).to_batches() for row in parse_page(page, contract).to_pylist()]
    return spark.createDataFrame(pages, PAGE)


def test_robots_and_refused_records_match_nothing_in_the_join(spark: SparkSession) -> None:
    robot = encode(click | {"is_bot": True})
    rows = spread(frame(spark, [encode(click), b"x", robot], CLICK), CLICK).collect()
    event, automatic = sorted((row for row in rows if row.event), key=lambda row: row.event.sequence_number)
    (refused,) = (row for row in rows if row.dead_letter)
    assert (event.user_id, event.event_time, event.event.click_id) == ("u1", event.event.click_timestamp, "c1")
    assert (automatic.user_id, automatic.event_time) == (" click 2 0", event.event_time)
    assert (automatic.event.user_id, automatic.event.is_bot) == ("u1", True)
    assert (refused.user_id, refused.event_time) == (" stream 1 0", datetime(1970, 1, 1))  # noqa: DTZ001
    assert refused.dead_letter.reason == "not JSON"


def test_refunds_are_kept_apart_from_checkouts(spark: SparkSession) -> None:
    data = b"\n".join([encode(full_checkout), encode(refund)])
    rows = spread(frame(spark, [data], CHECKOUT), CHECKOUT).collect()
    sale, returned = sorted(rows, key=lambda row: row.event is None)
    assert (sale.user_id, sale.event.revision, sale.event.cancelled, sale.refund) == ("u1", 2, True, None)
    assert (returned.user_id, returned.event_time) == (" refund 0 1", datetime(1970, 1, 1))  # noqa: DTZ001
    assert (returned.event, returned.refund.refund_id, returned.refund.user_id) == (None, "r1", "u1")
