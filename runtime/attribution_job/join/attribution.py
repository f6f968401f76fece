"""The attribution rule in Spark: a streaming join finds candidate clicks, a micro-batch step keeps the first."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from runtime.attribution_job.join.rule import ATTRIBUTION_WINDOW


def add_join_window(events: DataFrame) -> DataFrame:
    """Adds `join_window`, by which the join finds pairs: one that starts with the event's hour, one an hour earlier.

    Each event becomes two rows; `first_hour` tells whether the event lies in the first of the window's two hours. A
    click joins in the window that starts with its hour, a checkout in both: each pair within an hour then meets in one
    window. With the window in its key, the join removes old state by key, without a scan of the whole state. The window
    is its last microsecond: the join looks at every key in every batch, and a plain timestamp is quicker to look at.

    Args:
        events: `event_time`, and others.
    """
    windows = events.withColumn("join_window", F.window_time(F.window("event_time", "2 hours", "1 hour")))
    return windows.withColumn("first_hour", F.expr("event_time <= join_window - interval 1 hour"))


def join_clicks(checkouts: DataFrame, clicks: DataFrame) -> DataFrame:
    """Joins each checkout to its candidate clicks: clicks of the same user in the hour before, both ends included.

    On streams, the join drops events whose window has passed the watermark. The timestamps must have none: Spark would
    derive a range of times from them, by which it removes state with a scan.

    Args:
        checkouts: `user_id`, `join_window`, `checkout_id`, `checkout_timestamp`; a row for each window.
        clicks: `user_id`, `join_window`, `click_id`, `click_timestamp`; a row for the first window only.

    Returns:
        One row for each pair: `user_id`, `join_window`, `checkout_id`, `click_id`, `click_timestamp`.
    """
    candidate = F.expr(
        "click.user_id = checkout.user_id and click.join_window = checkout.join_window"
        f" and click.click_timestamp >= checkout.checkout_timestamp - interval {ATTRIBUTION_WINDOW.seconds} seconds"
        " and click.click_timestamp <= checkout.checkout_timestamp"
    )
    # An outer join would delay the row of an uncredited checkout until the watermark has passed.
    return (
        checkouts.alias("checkout")
        .join(clicks.alias("click"), candidate, how="inner")
        .select(
            "checkout.user_id",
            "checkout.join_window",
            "checkout.checkout_id",
            "click.click_id",
            "click.click_timestamp",
        )
    )


def keep_first_click(rows: DataFrame) -> DataFrame:
    """Keeps each checkout's first candidate click in each join window, and all rows without a candidate.

    Batch frames only: the window function is not supported on streams. The first candidate has the smallest
    (`click_timestamp`, `click_id`). A checkout has candidates in at most two join windows; the sink takes the earlier.

    Args:
        rows: `user_id`, `join_window`, `candidate` (null, or a struct of `checkout_id`, `click_id`,
            `click_timestamp`), and others.
    """
    by_checkout = Window.partitionBy("user_id", "join_window", "candidate.checkout_id").orderBy(
        "candidate.click_timestamp", "candidate.click_id"
    )
    ranked = rows.withColumn("rank", F.row_number().over(by_checkout))
    return ranked.where("candidate is null or rank = 1").drop("rank")
