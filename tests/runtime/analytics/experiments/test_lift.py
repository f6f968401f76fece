"""The relative lift: its error against simulated ratios, and lifts that users do not tell."""

import math

import numpy as np
import pytest

from runtime.analytics.experiments.lift import relative_lift
from runtime.analytics.experiments.samples import sample, sample_of_rates


def test_a_worked_example() -> None:
    lift = relative_lift(sample_of_rates(1000, 100), sample_of_rates(1000, 120))
    # √(0.12·0.88/1000/0.1² + 0.12²·0.1·0.9/1000/0.1⁴)
    assert float(lift.lift) == pytest.approx(0.2)
    assert float(lift.standard_error) == pytest.approx(0.1533623, abs=1e-7)
    assert [float(end) for end in lift.interval(np.asarray(1.96))] == pytest.approx([-0.1005901, 0.5005901], abs=1e-7)


def test_the_standard_error_is_that_of_simulated_lifts() -> None:
    rng = np.random.default_rng(1)
    control, treatment = rng.binomial(20_000, 0.05, 20_000) / 20_000, rng.binomial(10_000, 0.06, 20_000) / 10_000
    lift = relative_lift(sample_of_rates(20_000, 1000), sample_of_rates(10_000, 600))
    assert float(lift.standard_error) == pytest.approx(float(np.std(treatment / control)), rel=0.02)


@pytest.mark.parametrize("conversions", [(0, 5), (0, 0)])
def test_nothing_can_be_relative_to_a_control_without_conversions(conversions: tuple[int, int]) -> None:
    lift = relative_lift(sample_of_rates(10, conversions[0]), sample_of_rates(10, conversions[1]))
    assert math.isnan(lift.lift)
    assert math.isnan(lift.standard_error)


@pytest.mark.parametrize("conversions", [(5, 0), (5, 10), (10, 5), (10, 10)])
def test_a_rate_of_0_or_1_gives_no_certainty(conversions: tuple[int, int]) -> None:
    lift = relative_lift(sample_of_rates(10, conversions[0]), sample_of_rates(10, conversions[1]))
    assert float(lift.lift) == conversions[1] / conversions[0] - 1
    assert math.isnan(lift.standard_error)


def test_a_control_that_loses_money_has_no_relative_lift() -> None:
    assert math.isnan(relative_lift(sample(100, -1, 1), sample(100, 1, 1)).lift)


def test_the_cautious_interval_is_the_symmetric_one_where_both_means_are_known_well() -> None:
    lift = relative_lift(sample_of_rates(10_000, 1000), sample_of_rates(10_000, 1100))
    assert lift.cautious_interval(np.asarray(3.0)) == lift.interval(np.asarray(3.0))


def test_the_cautious_interval_is_wider_where_a_mean_is_known_badly() -> None:
    lift = relative_lift(sample_of_rates(1000, 10), sample_of_rates(1000, 20))
    (low, high), (wide_low, wide_high) = lift.interval(np.asarray(3.0)), lift.cautious_interval(np.asarray(3.0))
    assert wide_low <= low
    assert wide_high > high


def test_the_cautious_interval_is_unknown_with_three_conversions() -> None:
    low, high = relative_lift(sample_of_rates(1000, 3), sample_of_rates(1000, 20)).cautious_interval(np.asarray(3.0))
    assert math.isnan(low)
    assert math.isnan(high)
