"""Credits of channels by every model that needs neither times nor products, over aggregated paths."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from runtime.analytics.models import weights
from runtime.analytics.models.markov import markov
from runtime.analytics.models.path_totals import PathTotals
from runtime.analytics.models.shapley import Estimate, shapley, shapley_markov

# The models that credit each path on its own: the weights of the touches of its channels.
PATH_MODELS: Mapping[str, Callable[[Sequence[str]], list[Fraction]]] = {
    "first_touch": lambda channels: weights.first_touch(len(channels)),
    "last_touch": lambda channels: weights.last_touch(len(channels)),
    "last_non_direct": weights.last_non_direct,
    "linear": lambda channels: weights.linear(len(channels)),
    "position_based": lambda channels: weights.position_based(len(channels)),
    "shapley": shapley,
}
MODELS = (
    "first_touch",
    "last_touch",
    "last_non_direct",
    "linear",
    "position_based",
    "markov",
    "shapley",
    "shapley_markov",
)


@dataclass
class Credit:
    """The credit of a channel under a model, before rounding."""

    conversions: Fraction = Fraction()
    value: Fraction = Fraction()


@dataclass(frozen=True)
class ModelCredits:
    """The credits of all channels by one model. `estimate`: of `shapley_markov`, with its standard errors."""

    by_channel: Mapping[str, Credit]
    estimate: Estimate | None = None


def credit(paths: Sequence[PathTotals], model: str, order: int = 1) -> ModelCredits:
    """Returns what a model credits to every channel of the paths. `order`: of `markov`.

    Raises:
        ChainError: the chain of the model has too many states.
    """
    if model in PATH_MODELS:
        return ModelCredits(_sum_of_paths(paths, PATH_MODELS[model]))
    if model == "markov":
        return ModelCredits(_share_of_total(paths, markov(paths, order)))
    estimate = shapley_markov(paths)
    return ModelCredits(_share_of_total(paths, estimate.shares), estimate)


def _sum_of_paths(
    paths: Iterable[PathTotals], touch_weights: Callable[[Sequence[str]], list[Fraction]]
) -> dict[str, Credit]:
    credits: dict[str, Credit] = defaultdict(Credit)
    for path in paths:
        for channel, weight in zip(path.channels, touch_weights(path.channels), strict=True):
            credits[channel].conversions += weight * path.conversions
            credits[channel].value += weight * path.value
    return credits


def _share_of_total(paths: Sequence[PathTotals], shares: Mapping[str, float]) -> dict[str, Credit]:
    conversions = sum((path.conversions for path in paths), Fraction())
    value = sum((path.value for path in paths), Fraction())
    exact = {channel: Fraction(shares.get(channel, 0.0)) for path in paths for channel in path.channels}
    total = sum(exact.values()) or Fraction(1)
    return {channel: Credit(conversions * part / total, value * part / total) for channel, part in exact.items()}
