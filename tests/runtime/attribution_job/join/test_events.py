"""The rows that the join in Spark reads."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, Contract
from runtime.attribution_job.events.pages import parse_page
from runtime.attribution_job.events.schemas import PAGE
from runtime.attribution_job.join.events import checkout_rows, click_rows
from tests.runtime.attribution_job.events.examples import click, encode, full_checkout, records, refund


def frame(spark: SparkSession, contract: Contract, *records_of_pages: Sequence[bytes]) -> DataFrame:
    """Returns pages of records as the rows of a source."""
    pages = [page for data in records_of_pages for page in records(data).to_batches()]
    return spark.createDataFrame(
        [row for page in pages for row in parse_page(page, contract).to_pylist()], PAGE
    ).coalesce(1)


def test_robots_and_refused_records_match_nothing_in_the_join(spark: SparkSession) -> None:
    robot = encode(click | {"click_id": "c2", "is_bot": True})
    clicks = click_rows(frame(spark, CLICK, [encode(click), b"x"], [robot])).collect()
    event, automatic = sorted(clicks, key=lambda row: row.user_id, reverse=True)
    assert (event.user_id, [member.click_id for member in event.clicks]) == ("u1", ["c1"])
    assert (automatic.user_id, [member.click_id for member in automatic.clicks]) == (" click 0 0", ["c2"])
    # Robots move the watermark.
    assert event.event_time == automatic.event_time


def test_refunds_and_dead_letters_are_no_events_of_the_join(spark: SparkSession) -> None:
    pages = frame(spark, CHECKOUT, [encode(refund)], [b"\n".join([encode(full_checkout), b"x"])])
    (sale,) = checkout_rows(pages).collect()
    assert (sale.user_id, sale.checkout_id) == ("u1", full_checkout["checkout_id"])


def test_clicks_of_a_user_share_a_row_for_each_block(spark: SparkSession) -> None:
    def at(click_id: str, time: str, user_id: str = "u1") -> bytes:
        return encode(click | {"click_id": click_id, "user_id": user_id, "click_timestamp": f"2026-11-23T{time}Z"})

    first = [at("late", "11:59:59.999"), at("next", "12:00:00.000"), at("other", "10:30:00.000", "u2")]
    second = [at("early", "10:00:00.000"), at("before", "09:59:59.999")]
    rows = click_rows(frame(spark, CLICK, first, second)).collect()
    shared = {row.user_id + row.event_time.strftime(" %H:%M:%S.%f"): {c.click_id for c in row.clicks} for row in rows}
    assert shared == {
        "u1 09:59:59.999000": {"before"},
        "u1 11:59:59.999000": {"late", "early"},
        "u1 12:00:00.000000": {"next"},
        "u2 10:30:00.000000": {"other"},
    }
    (early,) = [c.click_timestamp for row in rows for c in row.clicks if c.click_id == "early"]
    assert (early.hour, early.minute) == (10, 0)
