"""Maximum likelihood of models whose parameters are positive."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Values = NDArray[np.float64]
# Bounds of the logarithms of the parameters: 0.0001 to 10,000. A fit at a bound is a limit case of the model.
LIMIT = np.log(10_000)


class FitError(Exception):
    """The data do not determine the parameters of a model. The message says what they lack."""


def maximise(
    log_likelihood: Callable[[Values], tuple[float, Values]], starts: Sequence[Sequence[float]]
) -> tuple[Values, float]:
    """Returns the parameters with the highest log-likelihood from any of the starts, and that log-likelihood.

    Args:
        log_likelihood: of the parameters; returns the value and its gradient by the parameters.

    Raises:
        FitError: no start leads to a maximum.
    """

    def loss(logarithms: Values) -> tuple[float, Values]:
        parameters = np.exp(logarithms)
        value, gradient = log_likelihood(parameters)
        return -value, -gradient * parameters

    bounds = [(-LIMIT, LIMIT)] * len(starts[0])
    options = {"maxiter": 2_000, "ftol": 1e-13, "gtol": 1e-7}
    results = [
        optimize.minimize(loss, np.log(start), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        for start in starts
    ]
    finite = [result for result in results if np.isfinite(result.fun)]
    if not finite:
        raise FitError("the likelihood has no maximum; are there values that are no purchase histories?")
    best = min(finite, key=lambda result: float(result.fun))
    return np.exp(best.x), -float(best.fun)


def at_limits(names: Sequence[str], parameters: Values) -> tuple[str, ...]:
    """Returns the names of the parameters that are at an end of their range."""
    is_limit = np.abs(np.log(parameters)) > LIMIT - 0.01
    return tuple(name for name, reached in zip(names, is_limit, strict=True) if reached)
