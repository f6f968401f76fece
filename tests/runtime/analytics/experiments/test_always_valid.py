"""Always-valid intervals: the formula, its shape, and how often they exclude the truth when looked at daily."""

import math

import numpy as np
import pytest

from runtime.analytics.experiments import simulation
from runtime.analytics.experiments.always_valid import TUNED_USERS, standard_errors
from runtime.analytics.experiments.lift import relative_lift

# Standard errors to each side of an interval for one look, by its level.
FIXED = {0.05: 1.959964, 0.01: 2.575829}


@pytest.mark.parametrize("users", [1, 5_000, 10**6, 10**15])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_the_formula_of_the_design(users: int, alpha: float) -> None:
    rho = math.sqrt((-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / 5_000)
    square = 2 * (users * rho**2 + 1) / (users * rho**2) * math.log(math.sqrt(users * rho**2 + 1) / alpha)
    assert float(standard_errors(users, alpha)) == pytest.approx(math.sqrt(square), rel=1e-9)
    assert float(standard_errors(users, alpha)) > FIXED[alpha]


def test_the_interval_is_narrowest_relative_to_the_usual_one_near_the_tuned_number_of_users() -> None:
    users = np.geomspace(10, 10**8, 2_000)
    narrowest = users[np.argmin(standard_errors(users, 0.05))]
    assert TUNED_USERS / 2 < narrowest < TUNED_USERS * 2


def test_no_users_have_no_interval() -> None:
    assert math.isinf(standard_errors(0, 0.05))


@pytest.mark.parametrize("users_a_day", [100, 1_000])
@pytest.mark.parametrize("lift", [0.0, 0.5])
@pytest.mark.parametrize("rate", [0.1, 0.03, 0.005])
def test_daily_looks_exclude_the_truth_in_at_most_alpha_of_experiments(
    monkeypatch: pytest.MonkeyPatch, rate: float, lift: float, users_a_day: int
) -> None:
    """Small rates and few users are the hard case: the first looks see a handful of conversions."""
    monkeypatch.setattr(simulation, "RATE", rate)
    control, treatment = simulation.simulate(np.random.default_rng(7), 1_000, 28, users_a_day, lift)
    factor = standard_errors(control.users + treatment.users, 0.05)
    for pair in ((control.rate, treatment.rate), (control.revenue_per_user, treatment.revenue_per_user)):
        low, high = relative_lift(*pair).cautious_interval(factor)
        assert ((low > lift) | (high < lift)).any(axis=1).mean() <= 0.05


def test_the_symmetric_interval_alone_would_not_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason for the cautious interval: a shop with a conversion rate of 1 %."""
    monkeypatch.setattr(simulation, "RATE", 0.01)
    control, treatment = simulation.simulate(np.random.default_rng(7), 1_000, 28, 100)
    factor = standard_errors(control.users + treatment.users, 0.05)
    low, high = relative_lift(control.rate, treatment.rate).interval(factor)
    assert ((low > 0) | (high < 0)).any(axis=1).mean() > 0.09
