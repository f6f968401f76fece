"""The rule as Spark runs it: the streaming half joins, the micro-batch half keeps the first click."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from runtime.attribution_job.join.rule import ATTRIBUTION_WINDOW


def join_clicks(checkouts: DataFrame, clicks: DataFrame) -> DataFrame:
    """Every candidate: a checkout with a click of the same user in the hour before it, both ends included.

    Takes `checkouts` (`user_id`, `checkout_id`, `checkout_timestamp`) and `clicks` (`user_id`, `click_id`,
    `click_timestamp`), where they are streams with a watermark on the time; gives `user_id`, `checkout_id`,
    `click_id`, `click_timestamp`. Late events do not take part: older than the watermark, they find no state.
    """
    candidate = F.expr(
        "click.user_id = checkout.user_id"
        f" and click.click_timestamp >= checkout.checkout_timestamp - interval {ATTRIBUTION_WINDOW}"
        " and click.click_timestamp <= checkout.checkout_timestamp"
    )
    # Inner: an outer join would hold the row of an uncredited checkout back until the watermark has passed.
    return (
        checkouts.alias("checkout")
        .join(clicks.alias("click"), candidate, how="inner")
        .select("checkout.user_id", "checkout.checkout_id", "click.click_id", "click.click_timestamp")
    )


def keep_first_click(rows: DataFrame) -> DataFrame:
    """Of the rows with a `candidate` (`checkout_id`, `click_id`, `click_timestamp`) the one with the smallest
    (`click_timestamp`, `click_id`) for each checkout, and every row without. Not for streams.
    """
    # A checkout has one user, by whom the rows are partitioned already: no shuffle.
    by_checkout = Window.partitionBy("user_id", "candidate.checkout_id").orderBy(
        "candidate.click_timestamp", "candidate.click_id"
    )
    ranked = rows.withColumn("rank", F.row_number().over(by_checkout))
    return ranked.where("candidate is null or rank = 1").drop("rank")
