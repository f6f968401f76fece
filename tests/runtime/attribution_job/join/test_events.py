"""The rows that the join in Spark reads."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.pages import parse_page
from runtime.attribution_job.events.schemas import PAGE
from runtime.attribution_job.join.events import join_events
from tests.runtime.attribution_job.events.examples import click, encode, full_checkout, records, refund


def frame(spark: SparkSession, contract: Contract, *records_of_pages: Sequence[bytes]) -> DataFrame:
    """Returns pages of records as the rows of a source."""
    pages = [page for data in records_of_pages for page in records(data).to_batches()]
    return spark.createDataFrame([row for page in pages for row in parse_page(page, contract).to_pylist()], PAGE)


def test_robots_and_refused_records_match_nothing_in_the_join(spark: SparkSession) -> None:
    robot = encode(click | {"click_id": "c2", "is_bot": True})
    clicks = join_events(frame(spark, CLICK, [encode(click), b"x"], [robot]), CLICK).collect()
    event, automatic = sorted(clicks, key=lambda row: row.event_id)
    assert (event.user_id, event.event_id) == ("u1", "c1")
    assert (automatic.user_id, automatic.event_id) == (" click 0 0", "c2")
    # Robots move the watermark.
    assert event.event_time == automatic.event_time


def test_refunds_and_dead_letters_are_no_events_of_the_join(spark: SparkSession) -> None:
    pages = frame(spark, CHECKOUT, [encode(refund)], [b"\n".join([encode(full_checkout), b"x"])])
    (sale,) = join_events(pages, CHECKOUT).collect()
    assert (sale.user_id, sale.event_id) == ("u1", full_checkout["checkout_id"])
