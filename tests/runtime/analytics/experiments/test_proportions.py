"""Conversion rates: known answers of the z test and of Wilson's interval, and rates without variance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from runtime.analytics.experiments.proportions import wilson_interval, z_test

COUNTS = st.integers(1, 10_000).flatmap(lambda users: st.tuples(st.just(users), st.integers(0, users)))


def test_the_known_answer() -> None:
    assert float(z_test(83, 5, 99, 12)) == pytest.approx(0.159, abs=0.0005)


@given(control=COUNTS, treatment=COUNTS)
def test_the_squared_z_test_is_the_chi_square_test_of_the_table(
    control: tuple[int, int], treatment: tuple[int, int]
) -> None:
    table = [[converted, users - converted] for users, converted in (control, treatment)]
    p_value = float(z_test(*control, *treatment))
    assert p_value == float(z_test(*treatment, *control))
    if 0 < control[1] + treatment[1] < control[0] + treatment[0]:
        assert p_value == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("conversions", "p_value"), [((0, 0), 1), ((10, 20), 1)])
def test_rates_that_are_0_or_1_in_both_variants_are_equal(conversions: tuple[int, int], p_value: float) -> None:
    assert float(z_test(10, conversions[0], 20, conversions[1])) == p_value


def test_a_variant_without_users_has_no_p_value() -> None:
    assert math.isnan(float(z_test(0, 0, 20, 5)))


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
@pytest.mark.parametrize(
    ("conversions", "users", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_wilson_intervals(conversions: int, users: int, low: float, high: float) -> None:
    assert [float(end) for end in wilson_interval(users, conversions, 0.05)] == pytest.approx([low, high], abs=5e-5)


@given(counts=COUNTS, alpha=st.sampled_from([0.2, 0.05, 1e-6, 1e-300]))
def test_a_wilson_interval_contains_the_rate_and_is_within_0_and_1(counts: tuple[int, int], alpha: float) -> None:
    users, conversions = counts
    low, high = wilson_interval(users, conversions, alpha)
    assert 0 <= low <= conversions / users <= high <= 1


def test_arrays_are_tested_at_once() -> None:
    p_values = z_test(83, 5, np.array([99, 99]), np.array([12, 6]))
    assert p_values.tolist() == [float(z_test(83, 5, 99, 12)), float(z_test(83, 5, 99, 6))]
