"""The model `markov`: an absorbing Markov chain over channels, and the removal effect of each channel.

A state is the last k channels of a path (k: order); at the start of a path, it has fewer. A path leads from the start
through its states to conversion or null. Removing a channel leads every state that has the channel to null. Paths
reach such states only through a state that ends with the channel, so only those need to be led to null.
ChannelAttribution estimates the same effect by simulation, as the share of conversions that visit such a state:
https://github.com/cran/ChannelAttribution/blob/master/src/ChannelAttribution.cpp

Repeated channels are kept. In a chain of order 1 they change no result: whoever stays in a state leaves it in the same
proportions later.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.models.path_totals import PathTotals
from runtime.analytics.models.weights import DECIMALS

# 15 channels have up to 3,615 states in order 3. At the limit a matrix has 128 MB, and about five are in memory.
MAX_STATES = 4000

State = tuple[str, ...]
Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
START: State = ()


class ChainError(Exception):
    """The chain would have too many states. The message has the remedy."""


@dataclass(frozen=True)
class Chain:
    """The transient states of an absorbing chain, and the probabilities of its steps.

    Attributes:
        states: the states after the start, sorted.
        start: probability of the first step, by its state.
        transitions: probability of the step from a state (row) to another (column).
        conversion: probability of the step from a state to conversion. The remainder of a row leads to null.
    """

    states: Sequence[State]
    start: Vector
    transitions: Matrix
    conversion: Vector


def chain_of(paths: Iterable[PathTotals], order: int = 1) -> Chain:
    """Returns the chain of the given order that paths follow. Paths without conversions and nulls are left out.

    Raises:
        ChainError: the chain has more than `MAX_STATES` states.
    """
    steps: dict[tuple[State, State], float] = defaultdict(float)
    visits: dict[State, float] = defaultdict(float)
    conversions: dict[State, float] = defaultdict(float)
    for path in paths:
        users = float(path.conversions + path.nulls)
        if not users:
            continue
        state = START
        for channel in path.channels:
            visits[state] += users
            following = (*state, channel)[-order:]
            steps[state, following] += users
            state = following
        visits[state] += users
        conversions[state] += float(path.conversions)
    states = sorted(visits.keys() - {START})
    if len(states) > MAX_STATES:
        raise ChainError(
            f"a chain of order {order} has {len(states):,} states here, and at most {MAX_STATES:,} fit;"
            " choose a smaller order, or group rare channels"
        )
    positions = {state: position for position, state in enumerate([*states, START])}
    probabilities = np.zeros((len(states) + 1, len(states) + 1))
    for (state, following), users in steps.items():
        probabilities[positions[state], positions[following]] = users / visits[state]
    conversion = np.array([conversions[state] / visits[state] for state in states])
    return Chain(states, probabilities[-1, :-1], probabilities[:-1, :-1], conversion)


def removal_effects(chain: Chain) -> dict[str, float]:
    """Returns the share of the conversions that would be lost without each channel; 0 when there are no conversions."""
    visits = np.linalg.inv(np.eye(len(chain.states)) - chain.transitions)  # Expected, from a state (row) to another.
    conversion = visits @ chain.conversion  # Probability of a conversion later, from each state.
    from_start = chain.start @ visits
    total = chain.start @ conversion
    last_channels = np.array([state[-1] for state in chain.states])
    effects = {}
    for channel in sorted(set(last_channels.tolist())):
        removed = np.flatnonzero(last_channels == channel)
        # Expected visits from the start = probability of entering the removed states at each one, times visits from it.
        entries = np.linalg.solve(visits[np.ix_(removed, removed)].T, from_start[removed])
        effects[channel] = float(np.clip(entries @ conversion[removed] / total, 0, 1)) if total else 0.0
    return effects


def markov(paths: Iterable[PathTotals], order: int = 1) -> dict[str, float]:
    """Returns each channel's share of the conversions: its removal effect, divided by the sum of all effects.

    All shares are 0 when there are no conversions.

    Raises:
        ChainError: the chain has more than `MAX_STATES` states.
    """
    return shares_of(removal_effects(chain_of(paths, order)))


def shares_of(contributions: dict[str, float]) -> dict[str, float]:
    """Returns contributions divided by their sum, without the last bits, which depend on the processor."""
    total = sum(contributions.values())
    return {channel: round(part / total, DECIMALS) if total else 0.0 for channel, part in contributions.items()}
