"""Spark's form of the attribution rule."""

import itertools
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from runtime.attribution_job.join.attribution import add_join_window, join_clicks, keep_first_click
from runtime.attribution_job.join.rule import BLOCK
from tests.oracle import Checkout, Click, first_clicks
from tests.strategies import shop

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Where a block begins.
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TICK = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)


def credits(spark: SparkSession, clicks: list[Click], checkouts: list[Checkout]) -> dict[str, str | None]:
    """Runs the join on batch frames and returns the id of the credited click, or null, by checkout id."""
    checkout_frame = spark.createDataFrame(
        [(checkout.user_id, checkout.checkout_id, checkout.checkout_timestamp) for checkout in checkouts],
        "user_id string, checkout_id string, checkout_timestamp timestamp",
    )
    candidates = join_clicks(
        add_join_window(checkout_frame.withColumn("event_time", F.col("checkout_timestamp"))),
        click_rows(spark, clicks),
    )
    rows = candidates.select(
        "user_id", "join_window", F.struct("checkout_id", "click_id", "click_timestamp").alias("candidate")
    )
    first: dict[str, tuple[datetime, str]] = {}
    for row in keep_first_click(rows).collect():
        # As the sink does with the candidates of a checkout's two join windows.
        click = row.candidate.click_timestamp, row.candidate.click_id
        first[row.candidate.checkout_id] = min(click, first.get(row.candidate.checkout_id, click))
    return {checkout.checkout_id: first.get(checkout.checkout_id, (None, None))[1] for checkout in checkouts}


def click_rows(spark: SparkSession, clicks: list[Click]) -> DataFrame:
    """Returns the rows of clicks that `join_clicks` takes: one for each user and block."""
    groups: dict[tuple[str, int], list[tuple[datetime, str]]] = defaultdict(list)
    for click in clicks:
        block = (click.click_timestamp - EPOCH) // BLOCK
        groups[click.user_id, block].append((click.click_timestamp, click.click_id))
    rows = spark.createDataFrame(
        [(user_id, max(members)[0], members) for (user_id, _), members in groups.items()],
        "user_id string, event_time timestamp, clicks array<struct<click_timestamp: timestamp, click_id: string>>",
    )
    return add_join_window(rows).where("own_block")


@pytest.mark.parametrize(
    ("age", "credited"),
    [(timedelta(0), True), (HOUR, True), (HOUR + TICK, False), (-TICK, False), (HOUR - TICK, True)],
)
def test_the_window_is_the_hour_before_with_both_ends(spark: SparkSession, age: timedelta, credited: bool) -> None:
    result = credits(spark, [Click(NOON - age, "c", "u")], [Checkout(NOON, "k", "u")])
    assert result == {"k": "c" if credited else None}


def test_each_pair_meets_once_wherever_the_block_begins(spark: SparkSession) -> None:
    # Checkouts on the hours and on both sides of them, clicks of all ages around the limits; a user for each pair.
    sides = [timedelta(0), TICK, -TICK, MICROSECOND, -MICROSECOND, timedelta(minutes=30)]
    offsets = [hour + side for hour in (timedelta(0), HOUR) for side in sides]
    ages = [timedelta(0), MICROSECOND, TICK, HOUR - MICROSECOND, HOUR, HOUR + MICROSECOND, -MICROSECOND]
    cases = {f"{offset}/{age}": (NOON + offset, age) for offset, age in itertools.product(offsets, ages)}
    checkouts = spark.createDataFrame(
        [(user, "k", at) for user, (at, _) in cases.items()],
        "user_id string, checkout_id string, event_time timestamp",
    )
    clicks = [Click(at - age, "c", user) for user, (at, age) in cases.items()]
    pairs = join_clicks(
        add_join_window(checkouts).withColumn("checkout_timestamp", F.col("event_time")), click_rows(spark, clicks)
    )
    matching = [user for user, (_, age) in cases.items() if timedelta(0) <= age <= HOUR]
    assert sorted(row.user_id for row in pairs.collect()) == sorted(matching)


def test_each_checkout_of_a_user_is_credited(spark: SparkSession) -> None:
    checkouts = [Checkout(NOON, "k1", "u"), Checkout(NOON + TICK, "k2", "u")]
    assert credits(spark, [Click(NOON, "c", "u")], checkouts) == {"k1": "c", "k2": "c"}


def test_a_row_of_clicks_gives_its_first_click_in_the_window(spark: SparkSession) -> None:
    clicks = [Click(NOON + n * TICK, f"c{n}", "u") for n in (4, 2, 3, 1)]
    checkouts = [Checkout(NOON + HOUR + 2 * TICK, "k", "u")]
    assert credits(spark, clicks, checkouts) == {"k": "c2"}


def test_only_the_first_candidate_of_a_checkout_is_kept_and_every_row_without_one(spark: SparkSession) -> None:
    candidates = [("k", "c2", NOON), ("k", "c1", NOON), ("other", "c3", NOON)]
    rows = spark.createDataFrame(
        [("u", NOON, candidate) for candidate in candidates] + [(None, None, None)] * 2,
        "user_id string, join_window timestamp,"
        " candidate struct<checkout_id: string, click_id: string, click_timestamp: timestamp>",
    )
    kept = [row.candidate and row.candidate.click_id for row in keep_first_click(rows).collect()]
    assert sorted(kept, key=str) == [None, None, "c1", "c3"]


def test_ties_go_to_the_smallest_id_in_byte_order(spark: SparkSession) -> None:
    clicks = [Click(NOON, click_id, "u") for click_id in ("b", "ä", "B", "a")]
    assert credits(spark, clicks, [Checkout(NOON, "k", "u")]) == {"k": "B"}


@settings(max_examples=12)
@given(shops=st.lists(shop(), min_size=1, max_size=15))
def test_credits_follow_the_rule(spark: SparkSession, shops: list[tuple[list[Click], list[Checkout]]]) -> None:
    # One Spark job for many shops, because a job is slow to start. The number keeps the shops' users apart.
    clicks = [
        Click(c.click_timestamp, f"{c.click_id}-{number}", f"{c.user_id}-{number}")
        for number, (shop_clicks, _) in enumerate(shops)
        for c in shop_clicks
    ]
    checkouts = [
        Checkout(k.checkout_timestamp, f"{k.checkout_id}-{number}", f"{k.user_id}-{number}")
        for number, (_, shop_checkouts) in enumerate(shops)
        for k in shop_checkouts
    ]
    assert credits(spark, clicks, checkouts) == first_clicks(clicks, checkouts)
