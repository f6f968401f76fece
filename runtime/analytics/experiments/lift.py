"""The relative lift of a treatment over its control: mean of the treatment / mean of the control - 1."""

from dataclasses import dataclass

import numpy as np

from runtime.analytics.experiments.samples import Sample, Values

# Half-width of a mean's own interval, relative to the mean, up to which the interval of a lift may be symmetric.
PRECISE = 0.5
# Standard error relative to the mean, from which on the error itself is a guess: that of a mean of four purchases.
HARDLY_KNOWN = 0.5


@dataclass(frozen=True)
class Lift:
    """A relative lift, with its errors by the delta method.

    All are nan where a mean is not above 0. The errors are nan where a variant's values are all the same: an estimated
    variance of 0 would claim certainty after a handful of users.

    Attributes:
        control_error: standard error of the control's mean, relative to the mean.
        treatment_error: the same of the treatment.
    """

    lift: Values
    control_error: Values
    treatment_error: Values

    @property
    def log_error(self) -> Values:
        """The standard error of ln(1 + lift)."""
        return np.hypot(self.control_error, self.treatment_error)

    @property
    def standard_error(self) -> Values:
        return (1 + self.lift) * self.log_error

    def interval(self, factor: Values) -> tuple[Values, Values]:
        """Returns the ends of the interval that reaches `factor` standard errors to each side."""
        half_width = factor * self.standard_error
        return self.lift - half_width, self.lift + half_width

    def cautious_interval(self, factor: Values) -> tuple[Values, Values]:
        """Returns the same interval; a wider one while a mean is known badly, and nan while it is hardly known at all.

        The lift over a control of five conversions is far from normally distributed. Always-valid intervals, looked at
        from the first day on, would exclude the truth in up to 14 % of experiments. While a mean is known badly, they
        also contain the interval of ln(1 + lift), whose upper end is higher.
        tests/runtime/analytics/experiments/test_always_valid.py has the simulations.
        """
        low, high = self.interval(factor)
        error = np.maximum(self.control_error, self.treatment_error)
        with np.errstate(over="ignore"):
            log_low, log_high = ((1 + self.lift) * np.exp(sign * factor * self.log_error) - 1 for sign in (-1, 1))
        is_rough = factor * error > PRECISE
        low = np.where(is_rough, np.minimum(low, log_low), low)
        high = np.where(is_rough, np.maximum(high, log_high), high)
        return np.where(error <= HARDLY_KNOWN, low, np.nan), np.where(error <= HARDLY_KNOWN, high, np.nan)


def relative_lift(control: Sample, treatment: Sample) -> Lift:
    """Returns the lift. Its variance is that of the ratio of two independent means, to first order:

    variance_t / (n_t · mean_c²) + mean_t² · variance_c / (n_c · mean_c⁴)
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = treatment.mean / np.where(control.mean > 0, control.mean, np.nan)
        return Lift(ratio - 1, _relative_error(control), _relative_error(treatment))


def _relative_error(sample: Sample) -> Values:
    is_known = (sample.variance > 0) & (sample.mean > 0)
    return np.where(is_known, np.sqrt(sample.variance / sample.users) / sample.mean, np.nan)
