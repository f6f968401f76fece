"""CUPED: a variance reduction by a metric from before the experiment, such as the revenue of the four weeks before it.

https://exp-platform.com/Documents/2013-02-CUPED-ImprovingSensitivityOfControlledExperiments.pdf
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from runtime.analytics.experiments.samples import Sample, sample


@dataclass(frozen=True)
class PairedSums:
    """Sums over the users of a variant: y during the experiment, x before it (0 for users who are new)."""

    users: int
    y: Fraction
    x: Fraction
    yy: Fraction
    xx: Fraction
    xy: Fraction


@dataclass(frozen=True)
class Adjustment:
    """Samples of y - theta · (x - mean of all x).

    Attributes:
        theta: the slope of y over x within the variants.
        variance_reduction: share of the variance of y that x explains.
    """

    samples: Sequence[Sample]
    theta: float
    variance_reduction: float


def adjust(variants: Sequence[PairedSums]) -> Adjustment:
    """Adjusts y of each variant. The difference of two variants keeps its expectation, and loses the variance of x.

    A constant x explains nothing: theta is 0.

    Raises:
        ValueError: a variant has fewer than two users.
    """
    if any(variant.users < 2 for variant in variants):
        raise ValueError("CUPED needs two users in each variant")
    xx = sum((variant.xx - variant.x**2 / variant.users for variant in variants), Fraction())
    yy = sum((variant.yy - variant.y**2 / variant.users for variant in variants), Fraction())
    xy = sum((variant.xy - variant.x * variant.y / variant.users for variant in variants), Fraction())
    theta = xy / xx if xx > 0 else Fraction()
    mean_x = sum((variant.x for variant in variants), Fraction()) / sum(variant.users for variant in variants)
    samples = [_adjusted(variant, theta, mean_x) for variant in variants]
    return Adjustment(samples, float(theta), float(theta * xy / yy) if yy > 0 else 0.0)


def _adjusted(variant: PairedSums, theta: Fraction, mean_x: Fraction) -> Sample:
    n = variant.users
    mean = variant.y / n - theta * (variant.x / n - mean_x)
    yy, xx = variant.yy - variant.y**2 / n, variant.xx - variant.x**2 / n
    xy = variant.xy - variant.x * variant.y / n
    variance = (yy - 2 * theta * xy + theta**2 * xx) / (n - 1)
    return sample(n, float(mean), float(max(variance, Fraction())))
