"""Weights of channels and campaigns by the models of the Markov chain, from the chain's steps in the database.

The database counts the steps of all paths, of which there are far fewer than paths.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from runtime.analytics.models.markov import MAX_STATES, START, Chain, ChainError, State, removal_effects, shares_of
from runtime.analytics.models.shapley import shapley_markov_of_chain
from runtime.analytics.models.weights import DECIMALS

# Targets of the last step of a path.
CONVERSION, NULL = 0, -1


class Step(NamedTuple):
    """How many `paths` lead from the last touches, `origin`, to `target`: a touch's traffic, CONVERSION or NULL."""

    origin: tuple[int, ...]
    target: int
    paths: int


class Traffic(NamedTuple):
    channel: str
    campaign: str


class Weight(NamedTuple):
    """The share of the conversions that a model credits to a campaign of a channel."""

    model: str
    channel: str
    campaign: str
    weight: Decimal
    standard_error: Decimal | None


@dataclass(frozen=True)
class ChainWeights:
    """Weights by both models; a model whose chain has too many states has none, and then `message` has the remedy."""

    weights: list[Weight]
    message: str | None


def chain_of_steps(steps: Iterable[Step], traffic: Mapping[int, Traffic], order: int) -> Chain:
    """Returns the chain of the steps. `order`: at most that of the steps.

    Raises:
        ChainError: the chain has more than `MAX_STATES` states.
    """
    counts: dict[tuple[State, State], int] = defaultdict(int)
    visits: dict[State, int] = defaultdict(int)
    conversions: dict[State, int] = defaultdict(int)
    for step in steps:
        state = tuple(traffic[number].channel for number in step.origin)[-order:]
        visits[state] += step.paths
        if step.target == CONVERSION:
            conversions[state] += step.paths
        elif step.target != NULL:
            counts[state, (*state, traffic[step.target].channel)[-order:]] += step.paths
    states = sorted(visits.keys() - {START})
    if len(states) > MAX_STATES:
        raise ChainError(
            f"a chain of order {order} has {len(states):,} states, and at most {MAX_STATES:,} fit; set a smaller"
            " markov_order in analytics_settings, or group rare channels by channel_rules"
        )
    positions = {state: position for position, state in enumerate([*states, START])}
    probabilities = np.zeros((len(positions), len(positions)))
    for (state, following), paths in counts.items():
        probabilities[positions[state], positions[following]] = paths / visits[state]
    conversion = np.array([conversions[state] / visits[state] for state in states])
    return Chain(states, probabilities[-1, :-1], probabilities[:-1, :-1], conversion)


def weights_of_steps(steps: list[Step], traffic: Mapping[int, Traffic], order: int) -> ChainWeights:
    """Returns the weights by `markov` of the given order and by `shapley_markov`, for campaigns with touches."""
    if not any(step.target == CONVERSION for step in steps):
        return ChainWeights([], None)
    campaigns = _campaign_shares(steps, traffic)
    weights: list[Weight] = []
    messages = []
    try:
        shares = shares_of(removal_effects(chain_of_steps(steps, traffic, order)))
        weights += _by_campaign("markov", shares, {}, campaigns)
    except ChainError as error:
        messages.append(f"markov: {error}")
    try:
        estimate = shapley_markov_of_chain(chain_of_steps(steps, traffic, 1))
        weights += _by_campaign("shapley_markov", estimate.shares, estimate.standard_errors, campaigns)
    except ChainError as error:
        messages.append(f"shapley_markov: {error}")
    return ChainWeights(sorted(weights), "; ".join(messages) or None)


def _campaign_shares(steps: Iterable[Step], traffic: Mapping[int, Traffic]) -> dict[Traffic, float]:
    """Returns each campaign's share of the touches of its channel."""
    touches: dict[Traffic, int] = defaultdict(int)
    of_channel: dict[str, int] = defaultdict(int)
    for step in steps:
        if step.target not in (CONVERSION, NULL):
            touches[traffic[step.target]] += step.paths
            of_channel[traffic[step.target].channel] += step.paths
    return {label: count / of_channel[label.channel] for label, count in touches.items()}


def _by_campaign(
    model: str, shares: Mapping[str, float], errors: Mapping[str, float], campaigns: Mapping[Traffic, float]
) -> list[Weight]:
    return [
        Weight(
            model,
            label.channel,
            label.campaign,
            _decimal(shares.get(label.channel, 0.0) * part),
            _decimal(errors[label.channel] * part) if label.channel in errors else None,
        )
        for label, part in campaigns.items()
    ]


def _decimal(number: float) -> Decimal:
    return Decimal(f"{number:.{DECIMALS}f}")
