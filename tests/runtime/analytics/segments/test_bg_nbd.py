"""BG/NBD: published parameters and predictions, simulated customers, and data that determine nothing."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from runtime.analytics.segments import bg_nbd
from runtime.analytics.segments.bg_nbd import BgNbd
from runtime.analytics.segments.histories import Histories
from runtime.analytics.segments.likelihood import FitError
from tests.runtime.analytics.segments.cdnow import cdnow, history

CDNOW = BgNbd(0.243, 4.414, 0.793, 2.426, -9582.4)


def simulated(model: BgNbd, customers: int, weeks: float, ahead: float, seed: int) -> tuple[Histories, np.ndarray]:
    """Returns histories of customers who follow the model, and their purchases in the time ahead."""
    rng = np.random.default_rng(seed)
    rows, later = [], []
    for _ in range(customers):
        rate, leaving = rng.gamma(model.r, 1 / model.alpha), rng.beta(model.a, model.b)
        age, times, now = weeks * rng.uniform(0.5, 1), [0.0], 0.0
        while rate > 1e-9 and now < weeks + ahead:
            now += rng.exponential(1 / rate)
            times.append(now)
            if rng.random() < leaving:
                break
        known = [time for time in times if time <= age]
        rows.append((len(known) - 1, known[-1], age))
        later.append(sum(age < time <= age + ahead for time in times))
    x, recency, age = np.array(rows, np.float64).T
    return Histories(x, recency, age, np.zeros(customers), np.ones(customers)), np.array(later)


def test_the_known_answer() -> None:
    model = bg_nbd.fit(cdnow().histories)
    assert (model.r, model.alpha, model.a, model.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=5e-4)
    assert model.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert model.limits == ()


def test_the_unit_of_time_changes_alpha_only() -> None:
    weeks = cdnow().histories
    days = Histories(weeks.repeat_purchases, 7 * weeks.recency, 7 * weeks.age, weeks.repeat_value, weeks.customers)
    one, other = bg_nbd.fit(weeks), bg_nbd.fit(days)
    assert (other.r, other.alpha / 7, other.a, other.b) == pytest.approx((one.r, one.alpha, one.a, one.b), rel=1e-4)
    assert other.log_likelihood == pytest.approx(one.log_likelihood - 2457 * math.log(7), abs=0.01)


def test_published_predictions_for_one_customer() -> None:
    """Values of lifetimes 0.11: tests/test_estimation.py."""
    model, customer = bg_nbd.fit(cdnow().histories), history(2, 30.43, 38.86)
    assert float(model.expected_purchases(customer, 39)[0]) == pytest.approx(1.226, abs=5e-4)
    assert float(model.probability_alive(customer)[0]) == pytest.approx(0.727, abs=5e-4)


@pytest.mark.parametrize("x", [0, 1, 5, 60])
@pytest.mark.parametrize(
    "model", [CDNOW, BgNbd(2, 3, 1, 1, 0), BgNbd(0.01, 0.5, 0.02, 40, 0), BgNbd(30, 90, 7, 0.1, 0)]
)
def test_expected_purchases_are_the_integral_over_the_probability_of_leaving(model: BgNbd, x: int) -> None:
    customer = history(x, 20.0 if x else 0.0, 30.0)
    s = 39 / (model.alpha + 30)

    def purchases(q: float) -> float:
        p = float(stats.beta.ppf(q, model.a, model.b + x))
        return -math.expm1(-(model.r + x) * math.log1p(p * s)) / p if p > 1e-290 else (model.r + x) * s

    edges = np.array([0, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999, 1])
    pieces = [integrate.quad(purchases, low, high, epsabs=1e-9)[0] for low, high in pairwise(edges)]
    expected = sum(pieces) * float(model.probability_alive(customer)[0])
    assert float(model.expected_purchases(customer, 39)[0]) == pytest.approx(expected, rel=1e-5)


def test_simulated_customers_have_the_parameters_and_do_what_is_predicted() -> None:
    truth = BgNbd(0.8, 6.0, 0.9, 3.0, 0)
    histories, purchases = simulated(truth, 6_000, 52, 26, seed=11)
    model = bg_nbd.fit(histories)
    assert (model.r, model.alpha) == pytest.approx((0.8, 6.0), rel=0.1)
    assert model.a / (model.a + model.b) == pytest.approx(0.9 / 3.9, rel=0.1)
    assert model.expected_purchases(histories, 26).mean() == pytest.approx(purchases.mean(), rel=0.06)
    assert model.repeat_probability(histories, 26).mean() == pytest.approx((purchases > 0).mean(), rel=0.05)


def test_the_gradient_is_that_of_the_likelihood() -> None:
    histories = cdnow().histories
    weight = histories.customers / histories.customers.sum()
    likelihood = bg_nbd._Likelihood(histories.repeat_purchases, histories.recency, histories.age, weight)
    for point in ((0.2, 4.0, 0.7, 2.0), (3.0, 20.0, 1.0, 0.5)):
        error = optimize.check_grad(lambda p: likelihood(p)[0], lambda p: likelihood(p)[1], np.array(point))
        assert error < 1e-5


def test_customers_without_a_repeat_purchase_have_not_left() -> None:
    assert CDNOW.probability_alive(history(0, 0, 30)).tolist() == [1]


def test_a_longer_silence_makes_a_customer_less_likely_to_return() -> None:
    recency = np.linspace(1, 38, 20)
    others = (np.full(20, 5.0), recency, np.full(20, 38.0), np.zeros(20), np.ones(20))
    for values in (CDNOW.probability_alive(Histories(*others)), CDNOW.repeat_probability(Histories(*others), 10)):
        assert (np.diff(values) > 0).all()
        assert ((values > 0) & (values < 1)).all()


def test_thousands_of_purchases_do_not_overflow() -> None:
    customer = history(5_000, 300, 300)
    # At this rate 854 purchases, if none of them is the last.
    assert 750 < float(CDNOW.expected_purchases(customer, 52)[0]) < 854
    assert 0.99 < float(CDNOW.repeat_probability(customer, 52)[0]) <= 1


def test_customers_who_never_leave_fit_a_limit() -> None:
    rng = np.random.default_rng(2)
    x = rng.poisson(rng.gamma(3, 1, 2_000))
    recency = np.where(x > 0, 9.9, 0.0)
    histories = Histories(x.astype(float), recency, np.full(2_000, 10.0), np.zeros(2_000), np.ones(2_000))
    model = bg_nbd.fit(histories)
    assert model.limits
    assert model.expected_purchases(histories, 10).mean() == pytest.approx(x.mean(), rel=0.05)


@pytest.mark.parametrize(
    ("histories", "message"),
    [
        (history(0, 0, 30, customers=100), "no customer has bought again"),
        (history(3, 20, 30, customers=100), "all customers have the same history"),
        (Histories(*np.empty((5, 0))), "no customer has bought again"),
    ],
)
def test_data_that_determine_nothing_are_refused(histories: Histories, message: str) -> None:
    with pytest.raises(FitError, match=message):
        bg_nbd.fit(histories)


@pytest.mark.parametrize("values", [(1, 31, 30), (0, 5, 30), (-1, 0, 30), (1, 5, math.nan), (1, 5, math.inf)])
def test_impossible_histories_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="a history is impossible"):
        bg_nbd.fit(history(*values))
