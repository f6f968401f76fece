"""Gamma-Gamma: what is the mean value of a customer's purchases, past and future?

A purchase of a customer is gamma distributed (shape p) around a mean that differs by customer (gamma distribution: q,
gamma), and that has nothing to do with how often the customer buys. Fader and Hardie 2013:
https://www.brucehardie.com/notes/025/gamma_gamma.pdf
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from runtime.analytics.segments.histories import Histories
from runtime.analytics.segments.likelihood import FitError, at_limits, maximise

Values = NDArray[np.float64]

NAMES = ("p", "q", "gamma")
STARTS = ((5.0, 4.0, 0.5), (1.0, 2.0, 1.0), (20.0, 10.0, 0.5))
# Relative differences of values that come from rounding.
CONSTANT = 1e-9


@dataclass(frozen=True)
class GammaGamma:
    """A fitted model. `limits`: parameters that went to the end of their range: values that hardly differ."""

    p: float
    q: float
    gamma: float
    log_likelihood: float
    limits: tuple[str, ...] = ()

    @property
    def population_mean(self) -> float:
        return self.p * self.gamma / (self.q - 1)

    def expected_value(self, histories: Histories) -> Values:
        """Returns the expected value of a customer's next purchase: between the customer's own mean and that of all."""
        x = np.where(histories.repeat_value > 0, histories.repeat_purchases, 0)
        own = self.p * x / (self.p * x + self.q - 1)
        return own * histories.repeat_value + (1 - own) * self.population_mean


def fit(histories: Histories) -> GammaGamma:
    """Fits the model to the customers with repeat purchases of a value above 0, by maximum likelihood.

    Raises:
        FitError: fewer than two such customers, all of their values are the same, the values differ so much that their
            mean is infinite, or there is no maximum.
        ValueError: a value is negative or not finite.
    """
    values = histories.repeat_value
    if not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError("a mean value of repeat purchases is negative or not finite")
    known = (histories.repeat_purchases > 0) & (values > 0)
    x, value, customers = histories.repeat_purchases[known], values[known], histories.customers[known]
    if customers.sum() < 2:
        raise FitError("fewer than two customers have repeat purchases with a value above 0")
    if np.ptp(value) <= CONSTANT * value.max():
        raise FitError("all repeat purchases have the same mean value; the model needs differences between customers")
    scale = float(np.average(value, weights=customers))
    parameters, mean = maximise(_Likelihood(x, value / scale, customers / customers.sum()), STARTS)
    limits = at_limits(NAMES, parameters)
    p, q, gamma = (float(parameter) for parameter in parameters)
    if q <= 1:
        raise FitError("the values of the customers differ so much that their mean is infinite (q is at most 1)")
    # The density of a value, instead of a value in units of `scale`.
    log_likelihood = float(customers.sum() * (mean - np.log(scale)))
    return GammaGamma(p, q, gamma * scale, log_likelihood, limits)


@dataclass(frozen=True)
class _Likelihood:
    """The mean log-likelihood of mean values of x purchases. `weight`: share of the customers."""

    x: Values
    value: Values
    weight: Values

    def __call__(self, parameters: Values) -> tuple[float, Values]:
        p, q, gamma = parameters
        x, value = self.x, self.value
        shape, log_total = p * x, np.log(x * value + gamma)
        log_value = np.log(x * value)
        likelihood = (
            -special.betaln(shape, q) + q * np.log(gamma) + shape * log_value - np.log(value) - (shape + q) * log_total
        )
        both = special.digamma(shape + q)
        gradient = (
            x * (both - special.digamma(shape) + log_value - log_total),
            both - special.digamma(q) + np.log(gamma) - log_total,
            q / gamma - (shape + q) / (x * value + gamma),
        )
        return float(self.weight @ likelihood), np.array([self.weight @ part for part in gradient])
