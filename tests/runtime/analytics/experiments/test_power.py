"""Power: published sample sizes, the detectable lift as their inverse, simulation, and the days that are left."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.analytics.experiments.means import welch_test
from runtime.analytics.experiments.power import (
    control_users_needed,
    days_left,
    detectable_lift,
    mean_metric,
    rate_metric,
)
from runtime.analytics.experiments.samples import Sample


# The first two are the examples in the documentation of power.prop.test in R.
@pytest.mark.parametrize(
    ("rate", "other", "power", "users"), [(0.5, 0.75, 0.9, 76.7), (0.5, 0.75, 0.74, 50.0), (0.1, 0.12, 0.8, 3841)]
)
def test_published_sample_sizes_of_rates(rate: float, other: float, power: float, users: float) -> None:
    needed = control_users_needed(rate_metric(rate), other / rate - 1, 1, 0.05, power)
    assert needed == pytest.approx(users, rel=1e-3)


def test_the_published_sample_size_of_means() -> None:
    # 2 · (1.959964 + 0.841621)² · 30² / 5²
    assert control_users_needed(mean_metric(100, 900), 0.05, 1, 0.05) == pytest.approx(565.12, abs=0.01)


@given(
    rate=st.floats(1e-6, 0.9),
    part=st.floats(1e-6, 1),
    ratio=st.floats(0.05, 20),
    alpha=st.sampled_from([0.05, 0.001]),
)
def test_the_detectable_lift_is_the_inverse_of_the_sample_size(
    rate: float, part: float, ratio: float, alpha: float
) -> None:
    metric, lift = rate_metric(rate), part * (1 / rate - 1)
    users = control_users_needed(metric, lift, ratio, alpha)
    assert detectable_lift(metric, users, users * ratio, alpha) <= lift * (1 + 1e-6)
    found = detectable_lift(mean_metric(rate, 1), users, users * ratio, alpha)
    assert control_users_needed(mean_metric(rate, 1), found, ratio, alpha) == pytest.approx(users, rel=1e-6)


def test_a_detectable_lift_of_a_mean_is_detected_in_80_percent_of_experiments() -> None:
    rng = np.random.default_rng(4)
    lift = detectable_lift(mean_metric(10, 400), 3000, 1000, 0.05)
    control = rng.normal(10, 20 / math.sqrt(3000), 4000)
    treatment = rng.normal(10 * (1 + lift), 20 / math.sqrt(1000), 4000)
    samples = [Sample(np.asarray(n), mean, np.asarray(400.0)) for n, mean in ((3000.0, control), (1000.0, treatment))]
    assert (welch_test(*samples).p_value < 0.05).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("arguments", [(0.0, 10, 10), (math.nan, 10, 10), (0.1, 0, 10), (0.1, 10, 0), (0.5, 3, 3)])
def test_what_cannot_be_detected_is_infinite(arguments: tuple[float, float, float]) -> None:
    rate, control_users, users = arguments
    assert math.isinf(detectable_lift(rate_metric(rate), control_users, users, 0.05))


@pytest.mark.parametrize(("rate", "lift"), [(0.5, 1.5), (0.5, -1.1), (0.5, 0), (0, 0.1)])
def test_an_impossible_lift_needs_infinitely_many_users(rate: float, lift: float) -> None:
    assert math.isinf(control_users_needed(rate_metric(rate), lift, 1, 0.05))


@pytest.mark.parametrize(
    ("needed", "users", "days", "left"),
    [(2000, 1000, 10, 10), (1001, 1000, 10, 1), (1000, 1000, 10, 0), (10, 0, 5, None), (math.inf, 10, 5, None)],
)
def test_the_days_left_at_the_present_rate(needed: float, users: int, days: float, left: int | None) -> None:
    assert days_left(needed, users, days) == left
