"""*Live*: what the pipeline took in during the last hours, by minute."""

from stacks.quicksight.datasets import Dataset, defined, described
from stacks.quicksight.page import Page, Ratio
from stacks.quicksight.visuals import Chart, Measure

# `batches_by_began` and `attributed_checkouts_by_time` find the rows.
HOURS = 3

ACTIVITY = Dataset(
    "activity",
    f"""
    select date_trunc('minute', began_at at time zone 'UTC') as minute,
           sum(clicks + checkouts + refunds)::bigint as events,
           sum(clicks)::bigint as clicks,
           sum(checkouts)::bigint as checkouts,
           sum(refunds)::bigint as refunds,
           sum(late)::bigint as late,
           sum(dead_letters)::bigint as refused
      from batches
     where began_at > now() - interval '{HOURS} hours'
     group by 1
    """,  # noqa: S608 - a constant
    (
        *defined("DATETIME", {"minute": "Minute in which the batch began, in UTC."}),
        *defined(
            "INTEGER",
            {
                "events": "New clicks, checkouts and refunds.",
                "clicks": "New clicks.",
                "checkouts": "New checkouts, with test orders.",
            },
        ),
        *described("batches", refunds="INTEGER"),
        *defined(
            "INTEGER",
            {
                "late": "New clicks and checkouts that were older than the watermark on arrival.",
                "refused": "Records that hold no valid event. They are kept in dead_letters.",
            },
        ),
    ),
)

ORDERS = Dataset(
    "orders",
    f"""
    select date_trunc('minute', checkout_timestamp at time zone 'UTC') as minute,
           currency::text as currency,
           count(*) as checkouts,
           count(click_id) as credited,
           sum(gross_amount) as gross_amount,
           sum(refunded_amount) as refunded_amount,
           sum(net_amount) as net_amount
      from net_checkouts
     where checkout_timestamp > now() - interval '{HOURS} hours'
     group by 1, 2
    """,  # noqa: S608 - a constant
    (
        *defined("DATETIME", {"minute": "Minute of the checkouts, in UTC."}),
        *described("net_checkouts", currency="STRING"),
        *defined(
            "INTEGER",
            {
                "checkouts": "Checkouts, without test orders.",
                "credited": "Checkouts with a click in the hour before.",
            },
        ),
        *described("net_checkouts", gross_amount="DECIMAL", refunded_amount="DECIMAL", net_amount="DECIMAL"),
    ),
)

SINCE = f"the last {HOURS} hours"


PAGE = Page(
    sheet_id="live",
    name="Live",
    datasets=(ACTIVITY, ORDERS),
    ratios=(Ratio("orders", "credited share", "credited", "checkouts"),),
    visuals=(
        Chart("live-events", "Events", "activity", 6, 5).number(Measure("events"), SINCE),
        Chart("live-checkouts", "Checkouts", "activity", 6, 5).number(Measure("checkouts"), SINCE),
        Chart("live-credited", "Credited share", "orders", 6, 5).number(Measure("credited share", "share"), SINCE),
        Chart("live-late", "Late", "activity", 6, 5).number(Measure("late"), SINCE),
        Chart("live-refused", "Refused", "activity", 6, 5).number(Measure("refused"), SINCE),
        Chart("live-refunds", "Refunds", "activity", 6, 5).number(Measure("refunds"), SINCE),
        Chart("live-by-minute", "Events by minute", "activity", 18).lines(
            "minute", [Measure("clicks"), Measure("checkouts"), Measure("refunds")]
        ),
        Chart("live-exceptions", "Late and refused by minute", "activity", 18).lines(
            "minute", [Measure("late"), Measure("refused")]
        ),
        Chart("live-revenue", "Net revenue by minute", "orders", 18).lines(
            "minute", [Measure("net_amount")], color="currency"
        ),
        # Amounts of several currencies cannot be added, so revenue has a row for each instead of one figure.
        Chart("live-currencies", "Revenue by currency", "orders", 18).table(
            ["currency"],
            [
                Measure("checkouts"),
                Measure("gross_amount"),
                Measure("refunded_amount"),
                Measure("net_amount"),
                Measure("credited share", "share"),
            ],
            sort="net_amount",
        ),
    ),
)
