from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from runtime.attribution_job.join.attribution import join_clicks, keep_first_click
from tests.oracle import Checkout, Click, first_clicks
from tests.strategies import shop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(milliseconds=1)


def credits(spark: SparkSession, clicks: list[Click], checkouts: list[Checkout]) -> dict[str, str | None]:
    click_frame = spark.createDataFrame(
        [(click.user_id, click.click_id, click.click_timestamp) for click in clicks],
        "user_id string, click_id string, click_timestamp timestamp",
    )
    checkout_frame = spark.createDataFrame(
        [(checkout.user_id, checkout.checkout_id, checkout.checkout_timestamp) for checkout in checkouts],
        "user_id string, checkout_id string, checkout_timestamp timestamp",
    )
    candidates = join_clicks(checkout_frame, click_frame)
    rows = candidates.select("user_id", F.struct("checkout_id", "click_id", "click_timestamp").alias("candidate"))
    first = {row.candidate.checkout_id: row.candidate.click_id for row in keep_first_click(rows).collect()}
    return {checkout.checkout_id: first.get(checkout.checkout_id) for checkout in checkouts}


@pytest.mark.parametrize(
    ("before", "credited"),
    [(timedelta(0), True), (HOUR, True), (HOUR + TICK, False), (-TICK, False), (HOUR - TICK, True)],
)
def test_the_window_is_the_hour_before_with_both_ends(spark: SparkSession, before: timedelta, credited: bool) -> None:
    result = credits(spark, [Click(NOON - before, "c", "u")], [Checkout(NOON, "k", "u")])
    assert result == {"k": "c" if credited else None}


def test_repeat_checkouts_are_each_credited(spark: SparkSession) -> None:
    checkouts = [Checkout(NOON, "k1", "u"), Checkout(NOON + TICK, "k2", "u")]
    assert credits(spark, [Click(NOON, "c", "u")], checkouts) == {"k1": "c", "k2": "c"}


def test_a_tie_in_time_goes_to_the_smallest_id_byte_by_byte(spark: SparkSession) -> None:
    clicks = [Click(NOON, click_id, "u") for click_id in ("b", "ä", "B", "a")]
    assert credits(spark, clicks, [Checkout(NOON, "k", "u")]) == {"k": "B"}


@settings(max_examples=12)
@given(shops=st.lists(shop(), min_size=1, max_size=15))
def test_it_credits_as_the_rule_says(spark: SparkSession, shops: list[tuple[list[Click], list[Checkout]]]) -> None:
    # Many small shops in one run of Spark, kept apart by their users.
    clicks = [
        Click(c.click_timestamp, f"{c.click_id}-{number}", f"{c.user_id}-{number}")
        for number, (some, _) in enumerate(shops)
        for c in some
    ]
    checkouts = [
        Checkout(k.checkout_timestamp, f"{k.checkout_id}-{number}", f"{k.user_id}-{number}")
        for number, (_, some) in enumerate(shops)
        for k in some
    ]
    assert credits(spark, clicks, checkouts) == first_clicks(clicks, checkouts)
