"""Welch's test: the known answer, scipy's own test of the same values, and samples without variance."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from runtime.analytics.experiments.means import welch_test
from runtime.analytics.experiments.samples import Sample, sample, sample_of_sums


def sample_of(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Sample:
    exact = [Fraction(float(value)) for value in values]
    return sample_of_sums(len(exact), sum(exact, Fraction()), sum((value**2 for value in exact), Fraction()))


def test_the_known_answer() -> None:
    test = welch_test(sample(3407, 0.41, 3.9**2), sample(3461, 0.70, 6.2**2))
    assert float(test.p_value) == pytest.approx(0.02016, abs=5e-6)
    assert [float(end) for end in test.interval(0.05)] == pytest.approx([0.04538, 0.53462], abs=5e-6)


@pytest.mark.parametrize("seed", range(5))
def test_scipy_computes_the_same_from_the_values(seed: int) -> None:
    rng = np.random.default_rng(seed)
    control, treatment = rng.lognormal(3, 1, 40), rng.lognormal(3.2, 0.5, 90)
    test = welch_test(sample_of(control), sample_of(treatment))
    expected = stats.ttest_ind(treatment, control, equal_var=False)
    interval = expected.confidence_interval(0.9)
    assert float(test.p_value) == pytest.approx(expected.pvalue, rel=1e-9)
    assert [float(end) for end in test.interval(0.1)] == pytest.approx([interval.low, interval.high], rel=1e-9)


def test_the_variance_of_large_sums_keeps_its_digits() -> None:
    # 1,000 users with 10^9 + 0 or 1 each: the sums of squares differ from the 17th digit on.
    total = Fraction(1000 * 10**9 + 500)
    squares = Fraction(500 * (10**9) ** 2 + 500 * (10**9 + 1) ** 2)
    assert float(sample_of_sums(1000, total, squares).variance) == pytest.approx(250 / 999, rel=1e-12)


@pytest.mark.parametrize(("means", "p_value"), [((5, 5), 1.0), ((5, 6), math.nan)])
def test_constant_samples_have_a_p_value_only_if_they_are_equal(means: tuple[float, float], p_value: float) -> None:
    test = welch_test(sample(10, means[0], 0), sample(10, means[1], 0))
    assert float(test.p_value) == pytest.approx(p_value, nan_ok=True)


@pytest.mark.parametrize("users", [0, 1])
def test_fewer_than_two_users_have_no_variance_and_no_p_value(users: int) -> None:
    few = sample_of_sums(users, Fraction(3 * users), Fraction(9 * users))
    assert math.isnan(few.variance)
    assert math.isnan(welch_test(few, sample(10, 1, 1)).p_value)


def test_sums_that_no_users_can_have_are_refused() -> None:
    with pytest.raises(ValueError, match=r"below sum²/users = 10, which is the least that is possible"):
        sample_of_sums(10, Fraction(10), Fraction(9))
    with pytest.raises(ValueError, match="no users, but a sum"):
        sample_of_sums(0, Fraction(10), Fraction(0))


def test_rounded_sums_of_constant_values_have_the_variance_0() -> None:
    assert float(sample_of_sums(3, Fraction(1), Fraction("0.3333333333")).variance) == 0
