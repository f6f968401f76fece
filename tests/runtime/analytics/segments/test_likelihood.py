"""Maximum likelihood: the parameters do not depend on rounding errors, which differ from processor to processor."""

import dataclasses
from types import ModuleType

import numpy as np
import pytest

from runtime.analytics.segments import bg_nbd, gamma_gamma
from runtime.analytics.segments.bg_nbd import BgNbd
from runtime.analytics.segments.gamma_gamma import GammaGamma
from runtime.analytics.segments.histories import Histories
from runtime.analytics.segments.likelihood import Values, maximise
from tests.runtime.analytics.segments.cdnow import cdnow


def never_leaving() -> Histories:
    """Returns customers who differ in their rates only: the parameters of leaving make no difference."""
    rng = np.random.default_rng(2)
    x = rng.poisson(rng.gamma(3, 1, 2_000)).astype(float)
    # The last of x purchases at random times.
    recency = 10 * rng.uniform(size=2_000) ** (1 / np.maximum(x, 1)) * (x > 0)
    return Histories(x, recency, np.full(2_000, 10.0), rng.gamma(6, 5, 2_000), np.ones(2_000))


def fits(model: ModuleType, histories: Histories) -> list[BgNbd | GammaGamma]:
    """Returns fits to the histories with other rounding errors."""
    rng = np.random.default_rng(5)
    noise = [1 + 1e-14 * rng.normal(size=len(histories.age)) for _ in range(5)]
    return [model.fit(dataclasses.replace(histories, customers=histories.customers * factor)) for factor in noise]


@pytest.mark.parametrize("model", [bg_nbd, gamma_gamma])
@pytest.mark.parametrize("histories", [cdnow().histories, never_leaving()], ids=["cdnow", "never-leaving"])
def test_rounding_errors_do_not_change_the_parameters(histories: Histories, model: ModuleType) -> None:
    first, *others = fits(model, histories)
    for other in others:
        for name in model.NAMES:
            assert getattr(other, name) == pytest.approx(getattr(first, name), rel=1e-9)
        assert other.limits == first.limits


def test_parameters_that_make_no_difference_are_at_an_end() -> None:
    assert set(bg_nbd.fit(never_leaving()).limits) == {"a", "b"}


def test_the_maximum_is_that_of_the_gradient() -> None:
    """Within 1e-8 of the maximum this function has one value in floating point, but different gradients."""

    def log_likelihood(parameters: Values) -> tuple[float, Values]:
        x, y = np.log(parameters) - np.array([0.3, -1.2])
        gradient = np.array([-2 * x * (1 + y * y), -2 * y * (1 + x * x)])
        return -1 - (x * x + y * y + x * x * y * y), gradient / parameters

    parameters, value = maximise(log_likelihood, [(5.0, 5.0)])
    assert np.log(parameters) == pytest.approx([0.3, -1.2], abs=1e-12)
    assert value == -1
