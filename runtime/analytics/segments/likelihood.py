"""Maximum likelihood of models whose parameters are positive."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Values = NDArray[np.float64]
# The negative log-likelihood of the logarithms of the parameters, and its gradient.
Loss = Callable[[Values], tuple[float, Values]]
# Bounds of the logarithms of the parameters: 0.0001 to 10,000. A fit at a bound is a limit case of the model.
LIMIT = np.log(10_000)
# A difference of a mean log-likelihood that is no evidence: 0.0001 for 10,000 customers together.
NO_EVIDENCE = 1e-8


class FitError(Exception):
    """The data do not determine the parameters of a model. The message says what they lack."""


def maximise(
    log_likelihood: Callable[[Values], tuple[float, Values]], starts: Sequence[Sequence[float]]
) -> tuple[Values, float]:
    """Returns the parameters with the highest log-likelihood from any of the starts, and that log-likelihood.

    The same data give the same parameters on any processor, to about 8 digits: rounding errors decide where a search
    along a flat likelihood stops, so a parameter that makes no difference goes to an end of its range, and the others
    are solved for a gradient of 0.

    Args:
        log_likelihood: the mean over the data; returns its value at the parameters, and its gradient by them.

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
    logarithms = _stationary(loss, _at_ends(loss, best.x))
    return np.exp(logarithms), -loss(logarithms)[0]


def _at_ends(loss: Loss, logarithms: Values) -> Values:
    """Returns the parameters with each that makes no difference moved to an end of its range."""
    for index in range(len(logarithms)):
        for end in (-LIMIT, LIMIT):
            moved = logarithms.copy()
            moved[index] = end
            if loss(moved)[0] <= loss(logarithms)[0] + NO_EVIDENCE:
                logarithms = moved
    return logarithms


def _stationary(loss: Loss, logarithms: Values) -> Values:
    """Returns the point near a minimum at which the gradient by the parameters inside their range is 0.

    A loss tells parameters apart to the square root of its rounding errors only, a gradient to the errors themselves.
    """
    inside = np.abs(logarithms) < LIMIT
    if not inside.any():
        return logarithms

    def with_inside(values: Values) -> Values:
        point = logarithms.copy()
        point[inside] = values
        return point

    root = optimize.root(lambda values: loss(with_inside(values))[1][inside], logarithms[inside], tol=1e-13)
    point = with_inside(root.x)
    is_near = bool((np.abs(point) <= LIMIT).all()) and loss(point)[0] <= loss(logarithms)[0] + NO_EVIDENCE
    return point if is_near else logarithms


def at_limits(names: Sequence[str], parameters: Values) -> tuple[str, ...]:
    """Returns the names of the parameters that are at an end of their range."""
    is_limit = np.abs(np.log(parameters)) > LIMIT - 0.01
    return tuple(name for name, reached in zip(names, is_limit, strict=True) if reached)
