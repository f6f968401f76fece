"""Sample ratio mismatch: known answers, exact recomputation, huge counts, and continuous looks."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runtime.analytics.experiments.sample_ratio import MISMATCH, chi_square_test, sequential_test

COUNTS = st.lists(st.integers(0, 400), min_size=2, max_size=4)


def exact_sequential_p_value(users: list[int], shares: list[Fraction]) -> Fraction:
    """Multiplies the probability of each user's variant, given the users before, with whole numbers only."""
    factor, total = Fraction(1), Fraction(10_000)
    for count, share in zip(users, shares, strict=True):
        for number in range(count):
            factor *= (10_000 * share + number) / (total * share)
            total += 1
    return min(Fraction(1), 1 / factor)


def test_the_known_answer() -> None:
    assert float(chi_square_test([821_588, 815_482], [0.5, 0.5])) == pytest.approx(1.82e-6, abs=5e-9)
    assert float(sequential_test([821_588, 815_482], [0.5, 0.5])) < MISMATCH


@given(users=COUNTS)
def test_the_chi_square_test_is_that_of_scipy(users: list[int]) -> None:
    shares = np.arange(1, len(users) + 1) / sum(range(1, len(users) + 1))
    if sum(users):
        expected = stats.chisquare(users, shares * sum(users)).pvalue
        assert float(chi_square_test(users, shares.tolist())) == pytest.approx(expected, rel=1e-9)


@given(users=st.lists(st.integers(0, 60), min_size=2, max_size=4))
def test_the_sequential_test_is_the_product_over_the_users(users: list[int]) -> None:
    weights = range(1, len(users) + 1)
    shares = [Fraction(weight, sum(weights)) for weight in weights]
    expected = float(exact_sequential_p_value(users, shares))
    assert float(sequential_test(users, [float(share) for share in shares])) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("share", [0.5, 1e-4, 1e-7])
def test_the_sequential_test_is_its_formula_in_gamma_functions(share: float) -> None:
    shares, users = [share, 1 - share], [int(40_000 * share) + 300, 40_000]
    prior, n = [10_000 * part for part in shares], sum(users)
    logarithm = math.lgamma(10_000) - math.lgamma(10_000 + n)
    for count, alpha, part in zip(users, prior, shares, strict=True):
        logarithm += math.lgamma(alpha + count) - math.lgamma(alpha) - count * math.log(part)
    assert float(sequential_test(users, shares)) == pytest.approx(min(1, math.exp(-logarithm)), rel=1e-6)


def test_huge_counts_keep_their_digits() -> None:
    """For n users far beyond the prior: ln of the factor is about z²/2 - ½ ln(n / 10,000)."""
    n, z = 10**15, 9.0
    half_difference = round(z * math.sqrt(n) / 2)
    p_value = float(sequential_test([n // 2 + half_difference, n // 2 - half_difference], [0.5, 0.5]))
    assert math.log(p_value) == pytest.approx(-(z**2) / 2 + math.log(n / 10_000) / 2, abs=1e-3)


def test_no_users_are_no_mismatch() -> None:
    assert math.isnan(chi_square_test([0, 0], [0.5, 0.5]))
    assert float(sequential_test([0, 0], [0.5, 0.5])) == 1


def test_a_variant_without_its_users_is_a_mismatch() -> None:
    assert float(sequential_test([20_000, 0], [0.5, 0.5])) < 1e-100
    assert float(chi_square_test([20_000, 0], [0.5, 0.5])) < 1e-100


def test_looks_after_every_user_find_a_mismatch_in_at_most_alpha_of_experiments() -> None:
    rng = np.random.default_rng(3)
    control = (rng.random((300, 2_000)) < 0.3).cumsum(axis=1)
    users = np.stack((control, np.arange(1, 2_001) - control), axis=-1)
    assert (sequential_test(users, [0.3, 0.7]) < 0.5).any(axis=1).mean() <= 0.5


def test_looks_find_a_true_mismatch() -> None:
    rng = np.random.default_rng(3)
    control = rng.binomial(10_000, 0.49, (200, 28)).cumsum(axis=1)
    users = np.stack((control, 10_000 * np.arange(1, 29) - control), axis=-1)
    assert (sequential_test(users, [0.5, 0.5]) < MISMATCH).any(axis=1).mean() > 0.95
