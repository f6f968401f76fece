"""Every model divides all conversions and all value, quickly."""

import random
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.analytics.models.credits import MODELS, PATH_MODELS, Credit, credit
from runtime.analytics.models.path_totals import PathTotals
from tests.runtime.analytics.models.generated import path, path_totals


@pytest.mark.parametrize("model", MODELS)
@given(paths=path_totals())
def test_no_model_loses_or_invents_conversions_or_value(model: str, paths: list[PathTotals]) -> None:
    credits = credit(paths, model).by_channel
    assert sum(credit.conversions for credit in credits.values()) == sum(path.conversions for path in paths)
    assert sum(credit.value for credit in credits.values()) == sum(path.value for path in paths)
    assert set(credits) == {channel for path in paths for channel in path.channels}
    assert all(credit.conversions >= 0 and credit.value >= 0 for credit in credits.values())


@pytest.mark.parametrize("model", MODELS)
def test_paths_without_conversions_give_credits_of_zero(model: str) -> None:
    credits = credit([path("a > b", nulls=5), path("c")], model).by_channel
    assert credits == {"a": Credit(), "b": Credit(), "c": Credit()}


@pytest.mark.parametrize("model", PATH_MODELS)
@given(paths=path_totals(), split=st.integers(0, 8))
def test_models_of_single_paths_are_sums_over_paths(model: str, paths: list[PathTotals], split: int) -> None:
    together, first, second = (credit(part, model).by_channel for part in (paths, paths[:split], paths[split:]))
    for channel, whole in together.items():
        parts = [credits[channel].value for credits in (first, second) if channel in credits]
        assert whole.value == sum(parts)


def test_markov_has_an_order() -> None:
    paths = [path("a > b", 8, nulls=2), path("c > b", nulls=10)]
    assert credit(paths, "markov", order=1).by_channel["c"].conversions == 2
    assert credit(paths, "markov", order=2).by_channel["c"].conversions == 0


def test_a_path_without_touches_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one touch"):
        PathTotals((), Fraction(1))


def test_ten_thousand_paths_over_fifteen_channels_take_less_than_five_seconds() -> None:
    numbers = random.Random(1)
    paths = [
        PathTotals(
            tuple(f"channel {numbers.randrange(15)}" for _ in range(numbers.randint(1, 12))),
            Fraction(numbers.randint(1, 9)),
            Fraction(numbers.randint(1, 99_999), 100),
            Fraction(numbers.randint(0, 300)),
        )
        for _ in range(10_000)
    ]
    began = time.process_time()
    for model in ("markov", "shapley", "shapley_markov"):
        credit(paths, model)
    assert time.process_time() - began < 5
