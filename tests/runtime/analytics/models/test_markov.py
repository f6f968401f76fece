"""The Markov chain: known answers, and removal effects equal to their definition computed step by step."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.analytics.models import markov as module
from runtime.analytics.models.markov import ChainError, chain_of, markov, removal_effects
from runtime.analytics.models.path_totals import PathTotals
from tests.runtime.analytics.models.generated import path, path_totals

LOOPS = [path("A > B > A > B > B > A", 1), path("A > B > B > A > A", 1), path("A > A", 1)]
WITH_NULLS = [path("C1 > C2 > C3", 1), path("C1", nulls=1), path("C2 > C3", nulls=1)]


def test_paths_that_return_to_a_channel() -> None:
    effects = removal_effects(chain_of(LOOPS))
    assert effects == pytest.approx({"A": 1, "B": 0.5}, abs=1e-9)
    shares = markov(LOOPS)
    assert {channel: 3 * share for channel, share in shares.items()} == pytest.approx({"A": 2, "B": 1}, abs=1e-9)


def test_paths_that_end_without_a_conversion() -> None:
    assert conversion_probability(WITH_NULLS, 1, None) == pytest.approx(1 / 3, abs=1e-9)
    assert removal_effects(chain_of(WITH_NULLS)) == pytest.approx({"C1": 0.5, "C2": 1, "C3": 1}, abs=1e-9)
    assert markov(WITH_NULLS) == pytest.approx({"C1": 0.2, "C2": 0.4, "C3": 0.4}, abs=1e-9)


def test_a_single_channel_gets_everything() -> None:
    assert markov([path("a > a", 2, nulls=7)]) == {"a": 1}


def test_a_channel_that_never_leads_to_a_conversion_gets_nothing() -> None:
    assert markov([path("a", 1), path("b > c", nulls=5)]) == {"a": 1, "b": 0, "c": 0}


def test_all_shares_are_zero_without_conversions() -> None:
    assert markov([path("a > b", nulls=5)]) == {"a": 0, "b": 0}
    assert markov([]) == {}


def test_a_higher_order_remembers_the_previous_channel() -> None:
    paths = [path("a > b", 8, nulls=2), path("c > b", nulls=10)]
    assert markov(paths, order=1) == pytest.approx({"a": 0.25, "b": 0.5, "c": 0.25})
    assert markov(paths, order=2) == pytest.approx({"a": 0.5, "b": 0.5, "c": 0})


@given(paths=path_totals(), order=st.integers(1, 4))
def test_removal_effects_follow_their_definition(paths: list[PathTotals], order: int) -> None:
    total = conversion_probability(paths, order, None)
    for channel, effect in removal_effects(chain_of(paths, order)).items():
        expected = 1 - conversion_probability(paths, order, channel) / total if total else 0
        assert effect == pytest.approx(expected, abs=1e-9)


@given(paths=path_totals(), order=st.integers(1, 4))
def test_shares_add_up_to_one_with_conversions(paths: list[PathTotals], order: int) -> None:
    expected = 1 if any(path.conversions for path in paths) else 0
    assert sum(markov(paths, order).values()) == pytest.approx(expected, abs=1e-9)


@given(paths=path_totals())
def test_repeated_channels_change_nothing_in_order_one(paths: list[PathTotals]) -> None:
    assert markov(paths) == pytest.approx(markov([without_repetition(path) for path in paths]), abs=1e-9)


@given(paths=path_totals(), data=st.data())
def test_the_order_of_the_paths_changes_nothing(paths: list[PathTotals], data: st.DataObject) -> None:
    assert markov(data.draw(st.permutations(paths))) == pytest.approx(markov(paths), abs=1e-9)


def test_a_chain_with_too_many_states_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STATES", 3)
    with pytest.raises(ChainError, match="order 2 has 4 states here, and at most 3 fit; choose a smaller order"):
        markov([path("a > b > c > d", 1)], order=2)


def conversion_probability(paths: Sequence[PathTotals], order: int, removed: str | None) -> float:
    """Follows the chain step by step. States that have the removed channel anywhere lead to null."""
    steps: dict[tuple[str, ...], Counter[tuple[str, ...]]] = defaultdict(Counter)
    conversions, users = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for item in paths:
        states = [(), *(item.channels[max(0, end - order) : end] for end in range(1, len(item.channels) + 1))]
        for state in states:
            users[state] += int(item.conversions + item.nulls)
        for state, following in pairwise(states):
            steps[state][following] += int(item.conversions + item.nulls)
        conversions[states[-1]] += int(item.conversions)
    present: dict[tuple[str, ...], float] = {(): 1.0}
    converted = 0.0
    while sum(present.values()) > 1e-13:
        next_present: dict[tuple[str, ...], float] = defaultdict(float)
        for state, probability in present.items():
            if users[state]:
                converted += probability * conversions[state] / users[state]
                for following, count in steps[state].items():
                    if removed not in following:
                        next_present[following] += probability * count / users[state]
        present = dict(next_present)
    return converted


def without_repetition(item: PathTotals) -> PathTotals:
    channels = [
        channel
        for position, channel in enumerate(item.channels)
        if not position or channel != item.channels[position - 1]
    ]
    return PathTotals(tuple(channels), item.conversions, item.value, item.nulls)
