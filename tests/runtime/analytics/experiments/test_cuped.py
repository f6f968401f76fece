"""CUPED: recomputation from the users' values, and A/A experiments."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from runtime.analytics.experiments.cuped import PairedSums, adjust
from runtime.analytics.experiments.means import welch_test

Values = NDArray[np.float64]


def sums(y: Values, x: Values) -> PairedSums:
    parts = [y.sum(), x.sum(), (y * y).sum(), (x * x).sum(), (x * y).sum()]
    return PairedSums(len(y), *(Fraction(float(part)) for part in parts))


def users(rng: np.random.Generator, count: int, effect: float = 0.0) -> tuple[Values, Values]:
    before = rng.gamma(2, 10, count)
    return 0.8 * before + rng.normal(5 + effect, 8, count), before


def test_the_adjusted_values_have_these_means_and_variances() -> None:
    rng = np.random.default_rng(5)
    groups = [users(rng, count) for count in (300, 500, 200)]
    adjustment = adjust([sums(*group) for group in groups])
    centred = [(y - y.mean(), x - x.mean()) for y, x in groups]
    theta = sum(float(y @ x) for y, x in centred) / sum(float(x @ x) for _, x in centred)
    mean_x = np.concatenate([x for _, x in groups]).mean()
    assert adjustment.theta == pytest.approx(theta)
    for (y, x), result in zip(groups, adjustment.samples, strict=True):
        values = y - theta * (x - mean_x)
        assert float(result.users) == len(y)
        assert float(result.mean) == pytest.approx(values.mean())
        assert float(result.variance) == pytest.approx(values.var(ddof=1))


def test_the_share_of_the_variance_that_the_time_before_explains_is_gone() -> None:
    rng = np.random.default_rng(6)
    groups = [users(rng, 20_000) for _ in range(2)]
    adjustment = adjust([sums(*group) for group in groups])
    # 0.8²·200 of 0.8²·200 + 64
    assert adjustment.variance_reduction == pytest.approx(2 / 3, abs=0.01)
    for (y, _), result in zip(groups, adjustment.samples, strict=True):
        assert float(result.variance) / y.var() == pytest.approx(1 / 3, abs=0.02)


def test_experiments_without_an_effect_have_alpha_false_positives_and_small_effects_are_found() -> None:
    rng = np.random.default_rng(8)

    def found(effect: float, is_adjusted: bool) -> float:
        p_values = []
        for _ in range(400):
            pairs = [sums(*users(rng, 150)), sums(*users(rng, 150, effect))]
            blank = [PairedSums(p.users, p.y, Fraction(), p.yy, Fraction(), Fraction()) for p in pairs]
            p_values.append(float(welch_test(*adjust(pairs if is_adjusted else blank).samples).p_value))
        return float(np.mean(np.array(p_values) < 0.05))

    assert found(0.0, is_adjusted=True) == pytest.approx(0.05, abs=0.025)
    assert found(3.0, is_adjusted=True) > found(3.0, is_adjusted=False) + 0.3


def test_a_constant_time_before_changes_nothing() -> None:
    rng = np.random.default_rng(9)
    y = rng.normal(5, 1, 50)
    adjustment = adjust([sums(y, np.zeros(50)), sums(y + 1, np.zeros(50))])
    assert (adjustment.theta, adjustment.variance_reduction) == (0, 0)
    assert float(adjustment.samples[0].mean) == pytest.approx(y.mean())


def test_a_variant_with_one_user_is_refused() -> None:
    with pytest.raises(ValueError, match="two users in each variant"):
        adjust([sums(np.ones(1), np.ones(1)), sums(np.ones(5), np.ones(5))])
