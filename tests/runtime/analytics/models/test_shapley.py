"""The Shapley values: known answers, and equality with the average over all orders of joining."""

from collections.abc import Callable
from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings

from runtime.analytics.models import shapley as module
from runtime.analytics.models.credits import credit
from runtime.analytics.models.markov import chain_of
from runtime.analytics.models.path_totals import PathTotals
from runtime.analytics.models.shapley import shapley, shapley_markov, shapley_values
from tests.runtime.analytics.models.generated import path, path_totals
from tests.runtime.analytics.models.test_markov import WITH_NULLS, conversion_probability


def by_channel(paths: list[PathTotals]) -> dict[str, Fraction]:
    return {channel: credit.conversions for channel, credit in credit(paths, "shapley").by_channel.items()}


def test_values_of_the_coalitions_of_three_channels() -> None:
    # By the bits of O = 1, F = 2, D = 4: nothing, O, F, OF, D, OD, FD, OFD.
    coalition_values = np.array([0.0, 7, 6, 15, 4, 7, 9, 19])
    assert shapley_values(coalition_values, 3) == pytest.approx([46 / 6, 49 / 6, 19 / 6], abs=1e-9)


def test_conversions_of_two_paths() -> None:
    assert by_channel([path("a", 4), path("a > b", 6)]) == {"a": 7, "b": 3}


def test_the_touches_of_a_channel_share_its_weight() -> None:
    assert shapley(["a", "b", "a"]) == [Fraction(1, 4), Fraction(1, 2), Fraction(1, 4)]


def test_a_rare_channel_gets_no_more_than_the_conversions_it_touched() -> None:
    # With the conversion rate as the value of a coalition, "rare" would get 2,203.
    paths = [path("a", 12_000, nulls=90_000), path("a > b", 7_783, nulls=50_000), path("rare", 2, nulls=3)]
    assert by_channel(paths)["rare"] == 2


@given(paths=path_totals())
def test_the_equal_split_is_the_average_over_all_orders_of_joining(paths: list[PathTotals]) -> None:
    def value(coalition: frozenset[str]) -> Fraction:
        return sum((path.conversions for path in paths if coalition.issuperset(path.channels)), Fraction())

    assert by_channel(paths) == average_over_orders(channels_of(paths), value)


def test_shapley_markov_of_paths_that_end_without_a_conversion() -> None:
    # Without C1, C2 > C3 still converts in 1/6 of all paths; without C2 or C3, nothing converts.
    expected = {"C1": 1 / 6, "C2": 5 / 12, "C3": 5 / 12}
    assert shapley_markov(WITH_NULLS).shares == pytest.approx(expected, abs=1e-9)


@given(paths=path_totals())
@settings(max_examples=50)
def test_shapley_markov_is_the_average_over_all_orders_of_joining(paths: list[PathTotals]) -> None:
    expected = average_over_orders(channels_of(paths), lambda coalition: restricted_probability(paths, coalition))
    total = sum(expected.values())
    shares = shapley_markov(paths).shares
    for channel, contribution in expected.items():
        assert shares.get(channel, 0) == pytest.approx(float(contribution / total) if total else 0, abs=1e-9)


def test_shapley_markov_of_one_channel_and_of_no_conversions() -> None:
    assert shapley_markov([path("a > a", 2, nulls=7)]).shares == {"a": 1}
    assert shapley_markov([path("a > b", nulls=5)]).shares == {"a": 0, "b": 0}
    assert shapley_markov([]).shares == {}


@given(paths=path_totals())
@settings(max_examples=25, deadline=None)
def test_one_elimination_gives_the_contributions_of_a_whole_order(paths: list[PathTotals]) -> None:
    chain = chain_of(paths)
    size = len(chain.states)
    for contributions in module._sampled_contributions(chain):
        assert contributions.sum(axis=1) == pytest.approx(conversion_probability(paths, 1, None), abs=1e-9)
        if size and contributions.sum():
            exact = shapley_markov(paths).shares
            sampled = contributions.mean(axis=0) / contributions[0].sum()
            errors = contributions.std(axis=0, ddof=1) / len(contributions) ** 0.5 / contributions[0].sum()
            for state, share, error in zip(chain.states, sampled, errors, strict=True):
                assert abs(share - exact[state[0]]) <= 6 * error + 1e-9


def test_many_channels_are_sampled_with_a_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(7)
    paths = [
        path(" > ".join(f"c{number:02}" for number in generator.integers(0, 16, 4)), int(generator.integers(0, 9)), 20)
        for _ in range(400)
    ]
    sampled = shapley_markov(paths)
    monkeypatch.setattr(module, "EXACT_CHANNELS", 16)
    exact = shapley_markov(paths)
    assert sampled.sampled_orders == 2000
    assert (exact.sampled_orders, exact.standard_errors) == (0, {})
    assert sum(sampled.shares.values()) == pytest.approx(1, abs=1e-9)
    deviations = [
        abs(sampled.shares[channel] - share) / sampled.standard_errors[channel]
        for channel, share in exact.shares.items()
    ]
    assert max(deviations) < 4
    assert max(sampled.standard_errors.values()) < 0.003


def test_sampling_is_deterministic() -> None:
    paths = [path(" > ".join(f"c{number % 20}" for number in range(first, first + 5)), 3, 9) for first in range(20)]
    assert shapley_markov(paths) == shapley_markov(paths)


def channels_of(paths: list[PathTotals]) -> list[str]:
    return sorted({channel for path in paths for channel in path.channels})


def average_over_orders(
    channels: list[str], value: Callable[[frozenset[str]], Fraction | float]
) -> dict[str, Fraction | float]:
    contributions: dict[str, Fraction | float] = dict.fromkeys(channels, Fraction())
    orders = list(permutations(channels))
    for order in orders:
        for position, channel in enumerate(order):
            before = frozenset(order[:position])
            contributions[channel] += value(before | {channel}) - value(before)
    return {channel: contribution / len(orders) for channel, contribution in contributions.items()}


def restricted_probability(paths: list[PathTotals], coalition: frozenset[str]) -> float:
    """The probability of a conversion when all channels outside the coalition are one channel, which is removed."""
    renamed = [
        PathTotals(
            tuple(channel if channel in coalition else "(outside)" for channel in path.channels),
            path.conversions,
            path.value,
            path.nulls,
        )
        for path in paths
    ]
    return conversion_probability(renamed, 1, "(outside)")
