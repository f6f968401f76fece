"""Means by user, such as revenue: Welch's t test."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from runtime.analytics.experiments.samples import Sample, Values


@dataclass(frozen=True)
class WelchTest:
    """The difference of two means.

    Attributes:
        difference: mean of the treatment minus mean of the control.
        standard_error: standard error of the difference.
        degrees_of_freedom: by Welch and Satterthwaite.
        p_value: two-sided p-value of equal means; nan where a variance is unknown.
    """

    difference: Values
    standard_error: Values
    degrees_of_freedom: Values
    p_value: Values

    def interval(self, alpha: float) -> tuple[Values, Values]:
        half_width = t_quantile(self.degrees_of_freedom, alpha) * self.standard_error
        return self.difference - half_width, self.difference + half_width


def welch_test(control: Sample, treatment: Sample) -> WelchTest:
    """Compares two means whose variances may differ. Two constant samples have a p-value only if they are equal: 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = control.variance / control.users, treatment.variance / treatment.users
        # Shares of the variance: squares of the variances themselves could overflow.
        share = np.where(a + b > 0, a / (a + b), 0.5)
        freedom = 1 / (share**2 / (control.users - 1) + (1 - share) ** 2 / (treatment.users - 1))
        difference = treatment.mean - control.mean
        error = np.sqrt(a + b)
        t = np.where((difference == 0) & (error == 0), 0.0, difference / np.where(error > 0, error, np.nan))
    p_value: Values = 2 * special.stdtr(freedom, -np.abs(t))
    return WelchTest(difference, error, freedom, p_value)


def t_quantile(degrees_of_freedom: Values, alpha: float) -> Values:
    """Returns how many standard errors a two-sided interval of Student's t distribution reaches to each side."""
    quantile: Values = -special.stdtrit(degrees_of_freedom, alpha / 2)
    return quantile
