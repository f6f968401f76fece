"""The panels of the page Channels: who earned what, by one model or by all of them."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg import sql

from runtime.dashboard.panels.checkouts import credits, is_selective, models_known
from runtime.dashboard.panels.filters import MODELS, Filters
from runtime.dashboard.panels.parts import CREDITS, Column, Empty, Panel, Schema, Unit

VIEW = "channel_performance"
NO_CREDITS = Empty(
    "No credits in these days",
    "Choose other days or fewer filters. New checkouts are credited by the next refresh: by its schedule, or now by"
    " `python -m local refresh`.",
)

# Spend is known by day, channel, campaign and currency, so it is left out where other filters choose among checkouts.
SPEND: LiteralString = """
select s.channel, s.campaign, 0, 0, 0, 0, s.amount * r.rate, false, r.rate is null
  from ad_spend s
  join rate r on r.day = s.day and r.currency = s.currency
 where s.day between %(first_day)s and %(last_day)s
"""
NO_SPEND: LiteralString = "select '', '', 0, 0, 0, 0, 0, false, true where false"
PERFORMANCE: LiteralString = """
with {credits},
part as (
    select c.channel, c.campaign, c.conversions, c.new_customers, c.gross * r.rate as gross, c.net * r.rate as net,
           0 as spend, r.rate is null as lacks_revenue, false as lacks_spend
      from credit c
      join rate r on r.day = c.day and r.currency = c.currency
     union all
    {spend}
),
summed as (
    select {key}, sum(conversions) as conversions, sum(new_customers) as new_customers,
           case when not bool_or(lacks_revenue) then sum(gross) end as gross_revenue,
           case when not bool_or(lacks_revenue) then sum(net) end as net_revenue,
           case when not bool_or(lacks_spend) and {knows_spend} then sum(spend) end as spend
      from part
     where %(channel)s::text is null or channel = %(channel)s
     group by {key}
)
select {key}, conversions, new_customers, gross_revenue, net_revenue, spend,
       round(net_revenue / nullif(spend, 0), 4) as roas,
       round(spend / nullif(conversions, 0), 4) as cpa,
       round(spend / nullif(new_customers, 0), 4) as cac,
       round(gross_revenue / nullif(conversions, 0), 4) as aov
  from summed
 order by net_revenue desc nulls last, conversions desc, {key}
 limit 1000
"""
BY_DAY: LiteralString = """
with {credits}
select c.day, c.channel, sum(c.conversions) as conversions,
       case when not bool_or(r.rate is null) then sum(c.net * r.rate) end as net_revenue
  from credit c
  join rate r on r.day = c.day and r.currency = c.currency
 where %(channel)s::text is null or c.channel = %(channel)s
 group by c.day, c.channel
 order by c.day, c.channel
"""
COMPARISON: LiteralString = """
with {credits},
measured as (
    select c.channel, c.model,
           case when %(measure)s = 'conversions' then sum(c.conversions)
                when not bool_or(r.rate is null)
                then sum(case %(measure)s when 'gross_revenue' then c.gross else c.net end * r.rate) end as value
      from credit c
      join rate r on r.day = c.day and r.currency = c.currency
     where %(channel)s::text is null or c.channel = %(channel)s
     group by c.channel, c.model
)
select channel, {models}
  from measured
 group by channel
 order by max(value) desc nulls last, channel
"""
# Zero where a model gives a channel nothing; null where the model or a rate is not known.
MODEL: LiteralString = """
case when {is_known} and count(*) filter (where model = {model}) = count(value) filter (where model = {model})
     then coalesce(sum(value) filter (where model = {model}), 0) end
"""


def _query(key: LiteralString, filters: Filters) -> sql.Composable:
    knows_spend = not (filters.device or filters.segment)
    return sql.SQL(PERFORMANCE).format(
        credits=credits(filters),
        key=sql.SQL(key),
        spend=sql.SQL(SPEND if knows_spend else NO_SPEND),
        knows_spend=sql.SQL("true" if knows_spend else "false"),
    )


def _models(filters: Filters, _: Schema) -> sql.Composable:
    known = models_known(filters)
    models = [sql.SQL(MODEL).format(is_known=sql.Literal(model in known), model=sql.Literal(model)) for model in MODELS]
    return sql.SQL(COMPARISON).format(credits=credits(filters), models=sql.SQL(",").join(models))


def _model_columns(_: Schema, filters: Filters) -> Sequence[Column]:
    unit: Unit = "count" if filters.measure == "conversions" else "money"
    return [
        Column("channel", "text", "model_comparison.channel"),
        *(Column(model, unit, f"model_comparison.{model}") for model in MODELS),
    ]


def unknown_model(filters: Filters) -> str | None:
    """Returns why the chosen model has no credits; None when it has."""
    if filters.model in models_known(filters):
        return None
    reason = "a shorter look-back" if filters.look_back else "a device or a segment"
    return f"{filters.model} credits no single checkout as {reason} needs: choose {', '.join(models_known(filters))}."


def _note(filters: Filters) -> str | None:
    notes = [unknown_model(filters)]
    if filters.device or filters.segment:
        notes.append("Spend is not known by device and segment, so ROAS, CPA and CAC are empty.")
    return " ".join(note for note in notes if note) or None


def _comparison_note(filters: Filters) -> str | None:
    unknown = [model for model in MODELS if model not in models_known(filters)]
    return f"Not known for these filters: {', '.join(unknown)}." if unknown and is_selective(filters) else None


NUMBERS = (
    Column("conversions", "count", f"{VIEW}.conversions"),
    Column("new_customers", "count", f"{VIEW}.new_customers"),
    Column("gross_revenue", "money", f"{VIEW}.gross_revenue"),
    Column("net_revenue", "money", f"{VIEW}.net_revenue"),
    Column("spend", "money", f"{VIEW}.spend"),
    Column("roas", "ratio", f"{VIEW}.roas"),
    Column("cpa", "money", f"{VIEW}.cpa"),
    Column("cac", "money", f"{VIEW}.cac"),
    Column("aov", "money", f"{VIEW}.aov"),
)
CHANNEL = Column("channel", "text", f"{VIEW}.channel")
PANELS = {
    "performance": Panel(
        columns=(CHANNEL, *NUMBERS),
        query=lambda filters, _: _query("channel", filters),
        follows=CREDITS | {"model"},
        empty=NO_CREDITS,
        note=_note,
        is_compared=True,
    ),
    "performance_by_day": Panel(
        columns=(
            Column("day", "day", f"{VIEW}.day"),
            CHANNEL,
            Column("conversions", "count", f"{VIEW}.conversions"),
            Column("net_revenue", "money", f"{VIEW}.net_revenue"),
        ),
        query=lambda filters, _: sql.SQL(BY_DAY).format(credits=credits(filters)),
        follows=CREDITS | {"model"},
        empty=NO_CREDITS,
        note=unknown_model,
    ),
    "campaigns": Panel(
        columns=(CHANNEL, Column("campaign", "text", f"{VIEW}.campaign"), *NUMBERS),
        query=lambda filters, _: _query("channel, campaign", filters),
        follows=CREDITS | {"model"},
        empty=NO_CREDITS,
        note=_note,
        is_compared=True,
    ),
    "models": Panel(
        columns=_model_columns,
        query=_models,
        follows=CREDITS | {"measure"},
        empty=NO_CREDITS,
        note=_comparison_note,
        is_compared=True,
    ),
}
