"""Plain recomputation of channel_performance from credits and spend."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from tests.runtime.analytics.credits_reference import Key, Sums, ratio, total
from tests.runtime.analytics.reference import MODELS
from tests.runtime.analytics.world import Rows, World

# In the order of the columns of model_comparison.
ALL_MODELS = (*MODELS, "markov", "shapley_markov")
MEASURES = {"conversions": 0, "gross_revenue": 2, "net_revenue": 3}


def channel_performance(world: World) -> Rows:
    """Returns the rows of the view by day, channel, campaign and model."""
    credits: dict[tuple[Any, ...], list[tuple[Key, Sums]]] = defaultdict(list)
    for key, sums in world.credits.items():
        credits[key.day, key.channel, key.campaign, key.model].append((key, sums))
    spend: dict[tuple[Any, ...], list[Decimal | None]] = defaultdict(list)
    for row in world.spend:
        for model in ALL_MODELS:
            amount = world.converted(row.amount, row.currency, row.day)
            spend[row.day, row.channel, row.campaign, model].append(amount)
    rows: Rows = {}
    for where in credits.keys() | spend.keys():
        own = credits.get(where, [])
        conversions = sum((sums.conversions for _, sums in own), Decimal(0))
        new_customers = sum((sums.new_customers for _, sums in own), Decimal(0))
        gross = total([world.converted(sums.gross, key.currency, key.day) for key, sums in own])
        net = total([world.converted(sums.net, key.currency, key.day) for key, sums in own])
        cost = total(spend.get(where, []))
        rows[where] = (
            conversions, new_customers, gross, net, cost,
            ratio(net, cost), ratio(cost, conversions), ratio(cost, new_customers), ratio(gross, conversions),
        )  # fmt: skip
    return rows


def model_comparison(world: World) -> Rows:
    """Returns the rows of the view by day, channel and measure: an amount by each model."""
    amounts: dict[tuple[Any, ...], dict[str, list[Decimal | None]]] = defaultdict(lambda: defaultdict(list))
    for (day, channel, _, model), row in channel_performance(world).items():
        for measure, column in MEASURES.items():
            amounts[day, channel, measure][model].append(row[column])
    return {key: tuple(total(by_model[model]) for model in ALL_MODELS) for key, by_model in amounts.items()}
