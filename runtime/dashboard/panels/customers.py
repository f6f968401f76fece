"""The panels of the page Customers: new and returning ones, cohorts and segments."""

from typing import LiteralString

from psycopg import sql

from runtime.dashboard.panels.checkouts import paths, rates, with_channel
from runtime.dashboard.panels.filters import Filters
from runtime.dashboard.panels.journeys import NO_PATHS
from runtime.dashboard.panels.parts import CREDITS, Column, Empty, Panel, Schema

NEW_RETURNING: LiteralString = """
with {paths},
counted as (
    select day, is_new_customer, currency, count(*) as checkouts, sum(gross) as gross, sum(net) as net
      from path
     group by day, is_new_customer, currency
)
select p.day, case when p.is_new_customer then 'new' else 'returning' end as customer,
       sum(p.checkouts)::bigint as checkouts,
       case when not bool_or(r.rate is null) then sum(p.gross * r.rate) end as gross_revenue,
       case when not bool_or(r.rate is null) then sum(p.net * r.rate) end as net_revenue,
       case when not bool_or(r.rate is null) then round(sum(p.gross * r.rate) / sum(p.checkouts), 4) end as aov
  from counted p
  join rate r on r.day = p.day and r.currency = p.currency
 group by p.day, p.is_new_customer
 order by p.day, customer
"""
# A cohort is a month, so the days choose months.
COHORTS: LiteralString = """
select cohort, months_since, customers, buyers, orders, net_revenue, cumulative_net_revenue, ltv
  from cohort_ltv
 where cohort between date_trunc('month', %(first_day)s::date)::date and %(last_day)s
 order by cohort, months_since
"""
SEGMENTS: LiteralString = """
select segment, customers, customer_share, net_revenue, repeat_probability, expected_revenue
  from segment_summary
 order by customers desc, segment
"""
# Weeks of which a day is chosen. Most customers stay in their segment, which is no move.
MOVES: LiteralString = """
select week, from_segment, to_segment, customers
  from segment_migration
 where week between %(first_day)s::date - 6 and %(last_day)s and from_segment <> to_segment
 order by week desc, customers desc, from_segment, to_segment
"""
NO_SEGMENTS = Empty(
    "No segments yet",
    "Customers get a segment on the day after their first checkout, by the first refresh of that day. Days are of UTC.",
)
NO_MOVES = Empty(
    "No moves between segments",
    "Choose days within the last 26 weeks. A week shows when it is over, by the first refresh after it.",
)


def _new_returning(filters: Filters, _: Schema) -> sql.Composable:
    chosen = sql.SQL(",").join([paths(filters, with_channel(filters)), rates(filters)])
    return sql.SQL(NEW_RETURNING).format(paths=chosen)


PANELS = {
    "new_returning": Panel(
        columns=(
            Column("day", "day", "new_vs_returning.day"),
            Column("customer", "text", "new_vs_returning.customer"),
            Column("checkouts", "count", "new_vs_returning.checkouts"),
            Column("gross_revenue", "money", "new_vs_returning.gross_revenue"),
            Column("net_revenue", "money", "new_vs_returning.net_revenue"),
            Column("aov", "money", "new_vs_returning.aov"),
        ),
        query=_new_returning,
        follows=CREDITS,
        empty=NO_PATHS,
        is_compared=True,
    ),
    "cohorts": Panel(
        columns=(
            Column("cohort", "day", "cohort_ltv.cohort"),
            Column("months_since", "count", "cohort_ltv.months_since"),
            Column("customers", "count", "cohort_ltv.customers"),
            Column("buyers", "count", "cohort_ltv.buyers"),
            Column("orders", "count", "cohort_ltv.orders"),
            Column("net_revenue", "money", "cohort_ltv.net_revenue"),
            Column("cumulative_net_revenue", "money", "cohort_ltv.cumulative_net_revenue"),
            Column("ltv", "money", "cohort_ltv.ltv"),
        ),
        query=lambda *_: sql.SQL(COHORTS),
        follows={"days"},
        empty=NO_PATHS,
    ),
    "segments": Panel(
        columns=(
            Column("segment", "text", "segment_summary.segment"),
            Column("customers", "count", "segment_summary.customers"),
            Column("customer_share", "share", "segment_summary.customer_share"),
            Column("net_revenue", "money", "segment_summary.net_revenue"),
            Column("repeat_probability", "share", "segment_summary.repeat_probability"),
            Column("expected_revenue", "money", "segment_summary.expected_revenue"),
        ),
        query=lambda *_: sql.SQL(SEGMENTS),
        follows=(),
        empty=NO_SEGMENTS,
        needs=("segment_summary",),
        note=lambda _: "As of the last complete day with a checkout, whichever days are chosen.",
    ),
    "segment_migration": Panel(
        columns=(
            Column("week", "day", "segment_migration.week"),
            Column("from_segment", "text", "segment_migration.from_segment"),
            Column("to_segment", "text", "segment_migration.to_segment"),
            Column("customers", "count", "segment_migration.customers"),
        ),
        query=lambda *_: sql.SQL(MOVES),
        follows={"days"},
        empty=NO_MOVES,
        needs=("segment_migration",),
    ),
}
