"""BG/NBD: how often will a customer buy again, and has the customer left for good?

Each customer buys at a rate of their own (gamma distribution: r, alpha), and leaves for good after any purchase with a
probability of their own (beta distribution: a, b). Fader, Hardie and Lee 2005:
https://www.brucehardie.com/papers/018/fader_et_al_mksc_05.pdf
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from runtime.analytics.segments.histories import Histories
from runtime.analytics.segments.likelihood import FitError, at_limits, maximise

Values = NDArray[np.float64]

NAMES = ("r", "alpha", "a", "b")
STARTS = ((0.25, 0.25, 0.5, 2.0), (1.0, 1.0, 1.0, 1.0), (5.0, 5.0, 0.1, 5.0))
# With 401 points the error is below 1e-10 of the mean for parameters from 0.001 to 3,000 and 1,000 purchases.
POINTS = 401


@dataclass(frozen=True)
class BgNbd:
    """A fitted model. Times are in the unit of the histories.

    Attributes:
        limits: parameters that went to an end of their range. The data then fit a limit of the model: all customers buy
            at the same rate (r, alpha), or they never leave, or all with the same probability (a, b).
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    limits: tuple[str, ...] = ()

    def probability_alive(self, histories: Histories) -> Values:
        """Returns the probability that a customer has not left for good: 1 for customers who never bought again."""
        x = histories.repeat_purchases
        log_odds = (self.r + x) * np.log((self.alpha + histories.age) / (self.alpha + histories.recency))
        log_odds += np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1)
        return np.where(x > 0, special.expit(-log_odds), 1.0)

    def repeat_probability(self, histories: Histories, horizon: float) -> Values:
        """Returns the probability that a customer buys at least once in the time ahead of length `horizon`."""
        rate = self.r + histories.repeat_purchases
        buys = -np.expm1(-rate * np.log1p(horizon / (self.alpha + histories.age)))
        result: Values = self.probability_alive(histories) * buys
        return result

    def expected_purchases(self, histories: Histories, horizon: float) -> Values:
        """Returns the expected number of purchases of a customer in the time ahead of length `horizon`."""
        pairs, index = np.unique(
            np.stack((histories.repeat_purchases, histories.age), axis=1), axis=0, return_inverse=True
        )
        purchases = self._purchases_if_alive(pairs[:, 0], pairs[:, 1], horizon)
        return self.probability_alive(histories) * purchases[index.ravel()]

    def _purchases_if_alive(self, x: Values, age: Values, horizon: float) -> Values:
        """Returns the mean of (1 - (1 + p·s)^-(r + x)) / p over p, where s = horizon / (alpha + age).

        Given a customer who is alive, p has the distribution Beta(a, b + x), and the rate is gamma distributed. The
        published form has a hypergeometric function, for which scipy 1.17 returns wrong values in parts of this range.
        This is the trapezoidal rule for logit(p), from the mode outwards in steps that grow exponentially.
        """
        result = np.empty(len(x))
        for start in range(0, len(x), 1000):
            part = slice(start, start + 1000)
            result[part] = self._mean_over_p(x[part, None], horizon / (self.alpha + age[part, None]))
        return result

    def _mean_over_p(self, x: Values, s: Values) -> Values:
        a, b = self.a, self.b + x
        width = np.minimum(np.sqrt(1 / a + 1 / b), 0.5)
        reach = np.arcsinh((40 / np.minimum(a, b) + 10 * width) / width)
        step = reach * np.linspace(-1, 1, POINTS)
        logit = np.log(a / b) + width * np.sinh(step)
        log_p, log_q = special.log_expit(logit), special.log_expit(-logit)
        log_weight = a * log_p + b * log_q + np.log(np.cosh(step))
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        p = np.maximum(np.exp(log_p), 1e-290)
        purchases = -np.expm1(-(self.r + x) * np.log1p(p * s)) / p
        mean: Values = (weight * purchases).sum(axis=1) / weight.sum(axis=1)
        return mean


def fit(histories: Histories) -> BgNbd:
    """Fits the model by maximum likelihood.

    Raises:
        FitError: nobody bought again, all histories are the same, or there is no maximum.
        ValueError: a history cannot be: a number is negative, or not finite, or the last purchase is after the end.
    """
    x, recency, age = histories.repeat_purchases, histories.recency, histories.age
    if not ((x >= 0) & (recency >= 0) & (recency <= age) & np.isfinite(age) & ((x > 0) | (recency == 0))).all():
        raise ValueError("a history is impossible: its last purchase is before the first one, or after the end")
    # Many customers share a history, above all those with one purchase.
    unique, index = np.unique(np.stack((x, recency, age), axis=1), axis=0, return_inverse=True)
    if not (x > 0).any():
        raise FitError("no customer has bought again; the model needs repeat purchases")
    if len(unique) == 1:
        raise FitError("all customers have the same history; the model needs differences between them")
    weight = np.bincount(index.ravel(), histories.customers)
    # Times of about 1 give parameters of about 1.
    scale = float(np.average(age, weights=histories.customers))
    likelihood = _Likelihood(unique[:, 0], unique[:, 1] / scale, unique[:, 2] / scale, weight / weight.sum())
    parameters, value = maximise(likelihood, STARTS)
    limits = at_limits(NAMES, parameters)
    r, alpha, a, b = (float(parameter) for parameter in parameters)
    # The density of a time in weeks, instead of a time in `scale` weeks.
    units = float((x * histories.customers).sum() * np.log(scale))
    return BgNbd(r, alpha * scale, a, b, float(value * weight.sum()) - units, limits)


@dataclass(frozen=True)
class _Likelihood:
    """The mean log-likelihood of histories. `weight`: share of the customers who have the history."""

    x: Values
    recency: Values
    age: Values
    weight: Values

    def __call__(self, parameters: Values) -> tuple[float, Values]:
        r, alpha, a, b = parameters
        x, weight = self.x, self.weight
        rate, last = r + x, b + np.maximum(x, 1) - 1
        log_age, log_recency = np.log(alpha + self.age), np.log(alpha + self.recency)
        # The customer is still there, or left after the last purchase. Without a repeat purchase, the latter is not
        # possible.
        stayed = -rate * log_age
        left = np.where(x > 0, np.log(a) - np.log(last) - rate * log_recency, -np.inf)
        either = np.logaddexp(stayed, left)
        value = special.gammaln(rate) - special.gammaln(r) + r * np.log(alpha) + either
        value += special.betaln(a, b + x) - special.betaln(a, b)
        share_left = np.exp(left - either)
        both, both_x = special.digamma(a + b), special.digamma(a + b + x)
        gradient = (
            special.digamma(rate)
            - special.digamma(r)
            + np.log(alpha)
            - (1 - share_left) * log_age
            - share_left * log_recency,
            r / alpha - rate * ((1 - share_left) / (alpha + self.age) + share_left / (alpha + self.recency)),
            both - both_x + share_left / a,
            both - both_x + special.digamma(b + x) - special.digamma(b) - share_left / last,
        )
        return float(weight @ value), np.array([weight @ part for part in gradient])
