"""Gamma-Gamma: published parameters, simulated customers, and values that determine nothing."""

import math

import numpy as np
import pytest
from scipy import optimize

from runtime.analytics.segments import gamma_gamma
from runtime.analytics.segments.gamma_gamma import GammaGamma
from runtime.analytics.segments.histories import Histories
from runtime.analytics.segments.likelihood import FitError
from tests.runtime.analytics.segments.cdnow import cdnow, history


def histories_with(x: np.ndarray, value: np.ndarray) -> Histories:
    return Histories(x.astype(float), np.ones(len(x)), np.full(len(x), 2.0), value.astype(float), np.ones(len(x)))


def test_the_known_answer() -> None:
    model = gamma_gamma.fit(cdnow().histories)
    assert (model.p, model.q, model.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=0.005)
    assert model.limits == ()


def test_published_expectations() -> None:
    """Fader and Hardie 2013, page 5: the mean of all customers, and that of the first one."""
    model = GammaGamma(6.25, 3.74, 15.44, 0)
    assert model.population_mean == pytest.approx(35.22, abs=0.005)
    assert float(model.expected_value(history(2, 30.43, 38.86, 22.35))[0]) == pytest.approx(24.66, abs=0.01)


def test_simulated_customers_have_the_parameters() -> None:
    rng = np.random.default_rng(12)
    x = rng.integers(1, 12, 8_000)
    mean = rng.gamma(x * 4.0, 1 / (rng.gamma(5.0, 1 / 60.0, 8_000) * x))
    model = gamma_gamma.fit(histories_with(x, mean))
    assert (model.p, model.q, model.gamma) == pytest.approx((4.0, 5.0, 60.0), rel=0.1)
    assert model.population_mean == pytest.approx(4 * 60 / 4, rel=0.03)


def test_the_currency_changes_gamma_only() -> None:
    euros = cdnow().histories
    yen = Histories(euros.repeat_purchases, euros.recency, euros.age, 160 * euros.repeat_value, euros.customers)
    one, other = gamma_gamma.fit(euros), gamma_gamma.fit(yen)
    assert (other.p, other.q, other.gamma / 160) == pytest.approx((one.p, one.q, one.gamma), rel=1e-4)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    likelihood = gamma_gamma._Likelihood(np.array([1.0, 3, 9]), np.array([0.5, 2, 1.1]), np.array([0.5, 0.3, 0.2]))
    for point in ((6.0, 3.0, 0.4), (1.0, 2.0, 5.0)):
        error = optimize.check_grad(lambda p: likelihood(p)[0], lambda p: likelihood(p)[1], np.array(point))
        assert error < 1e-5


def test_more_purchases_move_the_expectation_from_the_mean_of_all_to_the_customers_own() -> None:
    model = GammaGamma(6.25, 3.74, 15.44, 0)
    values = [float(model.expected_value(history(x, 1, 2, 100))[0]) for x in (0, 1, 5, 1_000)]
    assert values[0] == pytest.approx(model.population_mean)
    assert values == sorted(values)
    assert values[-1] == pytest.approx(100, rel=0.01)


def test_customers_whose_purchases_were_all_refunded_are_expected_to_buy_like_all() -> None:
    model = GammaGamma(6.25, 3.74, 15.44, 0)
    assert float(model.expected_value(history(3, 1, 2, 0))[0]) == pytest.approx(model.population_mean)


@pytest.mark.parametrize(
    ("x", "value", "message"),
    [
        ([0, 0, 0], [0, 0, 0], "fewer than two customers have repeat purchases"),
        ([2, 0, 0], [9, 0, 0], "fewer than two customers have repeat purchases"),
        ([1, 2, 3], [9.99, 9.99, 9.99], "all repeat purchases have the same mean value"),
        ([1] * 10, [1] * 6 + [1e3, 1e3, 1e6, 1e9], "their mean is infinite"),
    ],
)
def test_values_that_determine_nothing_are_refused(x: list[int], value: list[float], message: str) -> None:
    with pytest.raises(FitError, match=message):
        gamma_gamma.fit(histories_with(np.array(x), np.array(value)))


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_values_that_are_no_amounts_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="negative or not finite"):
        gamma_gamma.fit(histories_with(np.array([1, 2]), np.array([5.0, value])))
