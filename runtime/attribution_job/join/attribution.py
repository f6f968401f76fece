"""The attribution rule in Spark: a streaming join finds candidate clicks, a micro-batch step keeps the first."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from runtime.attribution_job.join.rule import ATTRIBUTION_WINDOW, BLOCK


def add_join_window(events: DataFrame) -> DataFrame:
    """Adds `join_window`, by which the join finds pairs: a window begins with each BLOCK and ends an hour after it.

    An event in the first hour of a block becomes two rows, because it is also in the window of the block before;
    `own_block` tells whether the event is in the window of its own block. A click joins in that window, a checkout in
    both: each pair within an hour then meets in one window. With the window in its key, the join removes old state by
    key, without a scan of the whole state. The window is its last microsecond: the join looks at every key in every
    batch, and a plain timestamp is quicker to look at.

    Args:
        events: `event_time`, and others.
    """
    length, step = (f"{duration.total_seconds():.0f} seconds" for duration in (BLOCK + ATTRIBUTION_WINDOW, BLOCK))
    windows = events.withColumn("join_window", F.window_time(F.window("event_time", length, step)))
    own_block = f"event_time <= join_window - interval {ATTRIBUTION_WINDOW.seconds} seconds"
    return windows.withColumn("own_block", F.expr(own_block))


def join_clicks(checkouts: DataFrame, clicks: DataFrame) -> DataFrame:
    """Joins each checkout to its candidate clicks: clicks of the same user in the hour before, both ends included.

    On streams, the join drops rows whose window has passed the watermark. The timestamps must have none: Spark would
    derive a range of times from them, by which it removes state with a scan.

    Args:
        checkouts: `user_id`, `join_window`, `checkout_id`, `checkout_timestamp`; a row for each window.
        clicks: `user_id`, `join_window`, `clicks` (structs of `click_timestamp` and `click_id`); own blocks only.

    Returns:
        One row for each checkout and row of clicks with a candidate, with the first candidate of that row: `user_id`,
        `join_window`, `checkout_id`, `click_id`, `click_timestamp`.
    """
    same_window = F.expr("click.user_id = checkout.user_id and click.join_window = checkout.join_window")
    in_time = (
        f"c.click_timestamp >= checkout_timestamp - interval {ATTRIBUTION_WINDOW.seconds} seconds"
        " and c.click_timestamp <= checkout_timestamp"
    )
    # Structs are ordered by their fields. Without a candidate the minimum is null.
    first = F.expr(f"array(array_min(filter(click.clicks, c -> {in_time})))")
    # An outer join would delay the row of an uncredited checkout until the watermark has passed.
    return (
        checkouts.alias("checkout")
        .join(clicks.alias("click"), same_window, how="inner")
        .select("checkout.*", F.inline(first))
        .where("click_id is not null")
        .select("user_id", "join_window", "checkout_id", "click_id", "click_timestamp")
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
