"""The models `shapley` and `shapley_markov`: a channel's average marginal contribution over all orders of joining.

They differ in the value of a coalition, which is a set of channels. `shapley`: what the paths within the coalition have
earned. `shapley_markov`: the probability of a conversion in a chain of order 1 that leads all other channels to null.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import comb, sqrt

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.models.markov import Chain, Matrix, Vector, chain_of, shares_of
from runtime.analytics.models.path_totals import PathTotals

EXACT_CHANNELS = 15
SAMPLED_ORDERS = 2000
SEED = 0
# Bounds the memory of a batch of matrices to 16 MB.
BATCH_NUMBERS = 2_000_000


@dataclass(frozen=True)
class Estimate:
    """Shares of channels. `standard_errors`: of each share, when `sampled_orders` orders of joining were sampled."""

    shares: Mapping[str, float]
    standard_errors: Mapping[str, float]
    sampled_orders: int


def shapley(channels: Sequence[str]) -> list[Fraction]:
    """Returns the weights of a path's touches: equal for each distinct channel, whose touches share its weight.

    This is the Shapley value. A path adds its value to a coalition when the last of its channels joins, and in the
    average over all orders each of its channels is the last equally often. The order and the number of touches
    make no difference.
    """
    touches = Counter(channels)
    return [Fraction(1, len(touches) * touches[channel]) for channel in channels]


def shapley_markov(paths: Iterable[PathTotals]) -> Estimate:
    """Returns each channel's share of the conversions; all shares are 0 when there are no conversions.

    Exact for up to `EXACT_CHANNELS` channels; beyond, the mean over sampled orders of joining, by a fixed seed.

    Raises:
        ChainError: there are more channels than the chain can have.
    """
    return shapley_markov_of_chain(chain_of(paths))


def shapley_markov_of_chain(chain: Chain) -> Estimate:
    """Returns `shapley_markov` of the paths that a chain of order 1 describes."""
    channels = [state[-1] for state in chain.states]
    if len(channels) <= EXACT_CHANNELS:
        values = shapley_values(_coalition_values(chain), len(channels))
        return Estimate(shares_of(dict(zip(channels, values.tolist(), strict=True))), {}, 0)
    contributions = np.concatenate(list(_sampled_contributions(chain)))
    shares = shares_of(dict(zip(channels, contributions.mean(axis=0).tolist(), strict=True)))
    # Every order adds up to the probability of a conversion.
    total = float(contributions[0].sum()) or 1.0
    errors = contributions.std(axis=0, ddof=1) / sqrt(len(contributions)) / total
    return Estimate(shares, dict(zip(channels, errors.tolist(), strict=True)), len(contributions))


def _coalition_values(chain: Chain) -> Vector:
    """Returns the probability of a conversion with each coalition; bit i of the position: channel i is a member.

    The other channels lead to null, so a conversion never follows them.
    """
    size = len(chain.states)
    batch = max(1, BATCH_NUMBERS // (size * size + 1))
    values = np.zeros(2**size)
    for first in range(0, len(values), batch):
        coalitions = np.arange(first, min(first + batch, len(values)))
        members = (coalitions[:, None] >> np.arange(size) & 1).astype(float)
        transitions = members[:, :, None] * chain.transitions
        later = np.linalg.solve(np.eye(size) - transitions, (members * chain.conversion)[:, :, None])[:, :, 0]
        values[coalitions] = (members * chain.start * later).sum(axis=1)
    return values


def shapley_values(coalition_values: Vector, size: int) -> Vector:
    """Returns the Shapley value of each of `size` channels."""
    coalitions = np.arange(2**size)
    sizes = np.bitwise_count(coalitions)
    # The share of the orders of joining in which exactly these members come before a channel.
    weights = np.array([1 / (size * comb(size - 1, before)) if before < size else 0.0 for before in range(size + 1)])
    values = np.zeros(size)
    for channel in range(size):
        without = coalitions[coalitions >> channel & 1 == 0]
        gains = coalition_values[without | 1 << channel] - coalition_values[without]
        values[channel] = weights[sizes[without]] @ gains
    return values


def _sampled_contributions(chain: Chain) -> Iterator[Matrix]:
    """Yields batches of sampled orders of joining: a row for each order, with each channel's contribution in it.

    Gaussian elimination of I - Q, with conversion as another column and the start as another row, adds a channel at
    each pivot: the corner decreases by what the channel adds to the probability of a conversion. So all coalitions
    of an order cost one elimination.
    """
    size = len(chain.states)
    bordered = np.zeros((size + 1, size + 1))
    bordered[:size, :size] = np.eye(size) - chain.transitions
    bordered[:size, size] = chain.conversion
    bordered[size, :size] = chain.start
    generator = np.random.default_rng(SEED)
    batch = max(1, BATCH_NUMBERS // (size + 1) ** 2)
    for first in range(0, SAMPLED_ORDERS, batch):
        count = min(batch, SAMPLED_ORDERS - first)
        orders = generator.permuted(np.tile(np.arange(size), (count, 1)), axis=1)
        yield _contributions(bordered, orders)


def _contributions(bordered: Matrix, orders: NDArray[np.int64]) -> Matrix:
    count, size = orders.shape
    border = np.hstack([orders, np.full((count, 1), size)])
    matrices = bordered[border[:, :, None], border[:, None, :]]
    contributions = np.zeros((count, size))
    for step in range(size):
        row = matrices[:, step, step + 1 :] / matrices[:, step, step, None]
        contributions[np.arange(count), orders[:, step]] = matrices[:, size, step] * row[:, -1]
        matrices[:, step + 1 :, step + 1 :] -= matrices[:, step + 1 :, step, None] * row[:, None, :]
    return contributions
