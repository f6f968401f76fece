"""Comparison of a treatment with the control, by metric."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from runtime.analytics.experiments import always_valid, means, power, proportions
from runtime.analytics.experiments.guardrails import Guardrail, check
from runtime.analytics.experiments.lift import relative_lift
from runtime.analytics.experiments.samples import Sample, Values, sample_of_rates

Interval = tuple[float, float]


@dataclass(frozen=True)
class Variant:
    """A variant and its users.

    Attributes:
        share: expected share of the users of all variants.
        revenue: revenue per user, adjusted by CUPED or not; None if unknown.
    """

    variant: str
    share: float
    users: int
    conversions: int
    revenue: Sample | None = None


@dataclass(frozen=True)
class Goal:
    """The aim of an experiment, and its progress.

    Attributes:
        alpha: level of all comparisons together.
        treatments: number of comparisons.
        lift: relative lift that is to be detected; None if there is none in particular.
        days: days that the experiment has been running; None if unknown.
        users: users of all variants so far.
    """

    alpha: float
    treatments: int
    lift: float | None
    days: float | None
    users: int

    @property
    def alpha_per_comparison(self) -> float:
        return self.alpha / self.treatments


@dataclass(frozen=True)
class Comparison:
    """A metric of a treatment, relative to the control. Values that the users do not tell are None.

    Attributes:
        lift: treatment / control - 1.
        p_value: of equal metrics, two-sided, at one look: pooled z test of a rate, Welch's test of a mean.
        p_value_adjusted: the p-value, corrected for the number of treatments.
        ci: interval of the lift, at one look.
        ci_always_valid: interval of the lift that holds at every look.
        difference: treatment - control.
        difference_ci: interval of the difference, at one look; of means only.
        guardrail: whether the metric fell, by the always-valid interval.
        minimum_detectable_lift: rise that so many users detect with a power of 80 %.
        users_needed: users of all variants that detect the lift of the goal with a power of 80 %.
        days_left: days until then, at the present rate.
    """

    variant: str
    control: str
    metric: str
    lift: float | None
    p_value: float | None
    p_value_adjusted: float | None
    ci: Interval | None
    ci_always_valid: Interval | None
    difference: float | None
    difference_ci: Interval | None
    guardrail: Guardrail
    minimum_detectable_lift: float | None
    users_needed: int | None
    days_left: int | None


@dataclass(frozen=True)
class _Statistics:
    """The part of a comparison that depends on the kind of metric. `quantile`: standard errors to each side."""

    metric: str
    control: Sample
    treatment: Sample
    p_value: Values
    quantile: Values
    difference_ci: Interval | None
    outlook: power.Metric


def compare_rates(control: Variant, treatment: Variant, goal: Goal) -> Comparison:
    """Compares the conversion rates."""
    base, sample = (sample_of_rates(variant.users, variant.conversions) for variant in (control, treatment))
    p_value = proportions.z_test(control.users, control.conversions, treatment.users, treatment.conversions)
    quantile = np.asarray(-special.ndtri(goal.alpha_per_comparison / 2))
    outlook = power.rate_metric(float(base.mean))
    statistics = _Statistics("conversion_rate", base, sample, p_value, quantile, None, outlook)
    return _comparison(control, treatment, goal, statistics)


def compare_revenues(control: Variant, treatment: Variant, goal: Goal) -> Comparison:
    """Compares the revenues per user, which both variants have to have."""
    if control.revenue is None or treatment.revenue is None:
        raise ValueError("a variant has no revenue")
    base, sample = control.revenue, treatment.revenue
    test = means.welch_test(base, sample)
    quantile = means.t_quantile(test.degrees_of_freedom, goal.alpha_per_comparison)
    difference_ci = interval(*test.interval(goal.alpha_per_comparison))
    outlook = power.mean_metric(float(base.mean), float(base.variance))
    statistics = _Statistics("revenue_per_user", base, sample, test.p_value, quantile, difference_ci, outlook)
    return _comparison(control, treatment, goal, statistics)


def number(value: float | Values) -> float | None:
    """Returns a number, or None if it is nan or infinite."""
    return float(value) if math.isfinite(value) else None


def interval(low: Values, high: Values) -> Interval | None:
    return (float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else None


def _comparison(control: Variant, treatment: Variant, goal: Goal, statistics: _Statistics) -> Comparison:
    alpha, users = goal.alpha_per_comparison, control.users + treatment.users
    lift = relative_lift(statistics.control, statistics.treatment)
    ci_always_valid = interval(*lift.cautious_interval(always_valid.standard_errors(users, alpha)))
    p_value = number(statistics.p_value)
    detectable = power.detectable_lift(statistics.outlook, control.users, treatment.users, alpha)
    needed = _users_needed(statistics.outlook, control, treatment, goal)
    return Comparison(
        variant=treatment.variant,
        control=control.variant,
        metric=statistics.metric,
        lift=number(lift.lift),
        p_value=p_value,
        p_value_adjusted=None if p_value is None else min(1.0, p_value * goal.treatments),
        ci=interval(*lift.interval(statistics.quantile)),
        ci_always_valid=ci_always_valid,
        difference=number(statistics.treatment.mean - statistics.control.mean),
        difference_ci=statistics.difference_ci,
        guardrail=check(ci_always_valid),
        minimum_detectable_lift=number(detectable),
        users_needed=math.ceil(needed) if math.isfinite(needed) else None,
        days_left=None if goal.days is None else power.days_left(needed, goal.users, goal.days),
    )


def _users_needed(metric: power.Metric, control: Variant, treatment: Variant, goal: Goal) -> float:
    if goal.lift is None:
        return math.inf
    ratio = treatment.share / control.share
    return power.control_users_needed(metric, goal.lift, ratio, goal.alpha_per_comparison) / control.share
