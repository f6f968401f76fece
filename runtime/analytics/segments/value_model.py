"""The models of the purchases to come, or the reasons why the data do not identify them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from runtime.analytics.segments import bg_nbd, gamma_gamma
from runtime.analytics.segments.bg_nbd import BgNbd
from runtime.analytics.segments.calibration import Point, calibration
from runtime.analytics.segments.gamma_gamma import GammaGamma
from runtime.analytics.segments.histories import HeldOut, Histories
from runtime.analytics.segments.likelihood import FitError

Values = NDArray[np.float64]

# The predictions are of a quarter.
HORIZON_WEEKS = 13
# With fewer, the likelihood is so flat that its maximum says little.
MIN_REPEAT_CUSTOMERS = 100
# A fit to more takes longer, and differs by less than customers differ from the model.
MAX_FITTED_CUSTOMERS = 10_000


@dataclass(frozen=True)
class ValueModel:
    """The two models. A model that is None has a reason."""

    purchases: BgNbd | None = None
    why_no_purchases: str | None = None
    value: GammaGamma | None = None
    why_no_value: str | None = None
    fitted_customers: int = 0

    @property
    def limits(self) -> tuple[str, ...]:
        """The parameters that went to an end of their range."""
        return tuple(name for model in (self.purchases, self.value) if model for name in model.limits)

    def predictions(self, histories: Histories) -> tuple[Values, Values, Values]:
        """Returns repeat probabilities, expected purchases and expected values; NaN where they are not known."""
        unknown = np.full(len(histories.age), np.nan)
        probability = expected = value = unknown
        if self.purchases:
            probability = self.purchases.repeat_probability(histories, HORIZON_WEEKS)
            expected = self.purchases.expected_purchases(histories, HORIZON_WEEKS)
        if self.value:
            value = self.value.expected_value(histories)
        return probability, expected, value


def fit(histories: Histories) -> ValueModel:
    """Fits the models to the histories, one a customer, or to a selection of them at equal distances.

    A mean value of NaN is not known, and its customer is left out of the value model.
    """
    fitted = _selected(histories, slice(None, None, _step(len(histories.age))))
    model = ValueModel(fitted_customers=len(fitted.age))
    try:
        model = replace(model, purchases=_fit_purchases(fitted))
    except FitError as error:
        model = replace(model, why_no_purchases=str(error))
    try:
        return replace(model, value=_fit_value(fitted))
    except FitError as error:
        return replace(model, why_no_value=str(error))


def held_out_weeks(weeks: int) -> int:
    """Returns the weeks at the end of a time of `weeks` with which predictions are compared; 0: too short for any."""
    return min(HORIZON_WEEKS, weeks // 3)


def check(held_out: HeldOut) -> Sequence[Point]:
    """Returns the calibration of a model that has not seen the held-out weeks.

    Raises:
        FitError: the time before does not identify a model.
    """
    histories = held_out.histories
    model = _fit_purchases(_selected(histories, slice(None, None, _step(len(histories.age)))))
    return calibration(model, held_out)


def _fit_purchases(histories: Histories) -> BgNbd:
    _require(histories, histories.repeat_purchases > 0, "customers have bought on several days")
    return bg_nbd.fit(histories)


def _fit_value(histories: Histories) -> GammaGamma:
    known = _selected(histories, np.isfinite(histories.repeat_value))
    _require(known, known.repeat_value > 0, "customers have repeat purchases with a known value above 0")
    return gamma_gamma.fit(known)


def _require(histories: Histories, members: NDArray[np.bool_], clause: str) -> None:
    customers = int(histories.customers[members].sum())
    if customers < MIN_REPEAT_CUSTOMERS:
        raise FitError(f"{customers} {clause}; the model needs {MIN_REPEAT_CUSTOMERS}: wait for more purchases")


def _step(customers: int) -> int:
    return max(1, -(-customers // MAX_FITTED_CUSTOMERS))


def _selected(histories: Histories, members: slice | NDArray[np.bool_]) -> Histories:
    return Histories(
        histories.repeat_purchases[members],
        histories.recency[members],
        histories.age[members],
        histories.repeat_value[members],
        histories.customers[members],
    )
