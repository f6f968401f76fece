"""Sample ratio mismatch: tests of the users by variant against the shares that the assignment should give them.

A mismatch means that the variants' users differ in more than the variant: a bug in the assignment, a redirect that
loses users, a robot filter that a variant triggers. No result of such an experiment can be trusted.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from runtime.analytics.experiments.samples import Values

# p-value below which a result is invalid.
MISMATCH = 0.001
# Weight of the prior in users. The larger, the smaller the mismatch that the test looks for.
PRIOR_USERS = 10_000
# Above this, three terms of the series of `_stirling_error` are exact to the last digit.
LARGE = 50.0


def chi_square_test(users: ArrayLike, shares: Sequence[float]) -> Values:
    """Returns the p-value of the χ² test; nan without users. It holds for one look at the experiment.

    Args:
        users: users by variant, in the last axis.
        shares: expected shares by variant; they add up to 1.
    """
    count, expected = _counts_and_expectation(users, shares)
    with np.errstate(invalid="ignore"):
        statistic = ((count - expected) ** 2 / expected).sum(axis=-1)
    p_value: Values = special.chdtrc(len(shares) - 1, statistic)
    return p_value


def sequential_test(users: ArrayLike, shares: Sequence[float]) -> Values:
    """Returns a p-value that holds at every look at the experiment; 1 without users.

    It is min(1, 1 / Bayes factor) of any shares, with a Dirichlet prior of `PRIOR_USERS` · the expected shares, against
    the expected shares (Lindon and Malek, https://arxiv.org/abs/2011.03567). The probability that it ever falls below
    alpha is at most alpha, if the shares are as expected. The same is true of the lowest p-value of several looks.
    """
    return np.minimum(1.0, np.exp(-_log_bayes_factor(users, shares)))


def _log_bayes_factor(users: ArrayLike, shares: Sequence[float]) -> Values:
    """Returns ln of Γ(A)/Γ(A + n) · Π Γ(αᵢ + nᵢ)/Γ(αᵢ) / Π θᵢ^nᵢ, where αᵢ = A·θᵢ.

    Differences of lnΓ lose all digits for large n. Stirling's formula turns them into
    (A + n)·KL(q‖θ) - ½·Σ ln(qᵢ/θᵢ) - (k - 1)/2·ln((A + n)/A) + errors of the formula, where qᵢ = (αᵢ + nᵢ)/(A + n).
    """
    share = np.asarray(shares, np.float64)
    count, expected = _counts_and_expectation(users, shares)
    n = count.sum(axis=-1)
    total = PRIOR_USERS + n
    prior = PRIOR_USERS * share
    # qᵢ/θᵢ - 1
    excess = (count - expected) / (total[..., None] * share)
    logarithm = np.log1p(excess)
    divergence = (share * ((1 + excess) * logarithm - excess)).sum(axis=-1)
    errors = (_stirling_error(prior + count) - _stirling_error(prior)).sum(axis=-1)
    errors += _stirling_error(np.asarray(PRIOR_USERS, np.float64)) - _stirling_error(total)
    log_total = (len(shares) - 1) / 2 * np.log1p(n / PRIOR_USERS)
    result: Values = total * divergence - logarithm.sum(axis=-1) / 2 - log_total + errors
    return result


def _counts_and_expectation(users: ArrayLike, shares: Sequence[float]) -> tuple[Values, Values]:
    count = np.asarray(users, np.float64)
    return count, count.sum(axis=-1, keepdims=True) * np.asarray(shares, np.float64)


def _stirling_error(z: Values) -> Values:
    """Returns lnΓ(z) - ((z - ½)·ln z - z + ½·ln 2π)."""
    large = np.maximum(z, LARGE)
    series = (1 / 12 - (1 / 360 - 1 / 1260 / large**2) / large**2) / large
    small = np.minimum(z, LARGE)
    exact = special.gammaln(small) - ((small - 0.5) * np.log(small) - small + 0.5 * np.log(2 * np.pi))
    error: Values = np.where(z > LARGE, series, exact)
    return error
