"""The result of an experiment: is it valid, and how does each treatment compare with the control?

Several treatments: every interval of a lift has the level 1 - alpha / treatments, and the adjusted p-value is the
p-value times the treatments (Bonferroni). So the probability that any of the treatments seems to differ by chance is at
most alpha for each metric.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from runtime.analytics.experiments import proportions, sample_ratio
from runtime.analytics.experiments.comparison import (
    Comparison,
    Goal,
    Interval,
    Variant,
    compare_rates,
    compare_revenues,
    interval,
    number,
)
from runtime.analytics.experiments.means import t_quantile

# Users who converted, and users who did not, from which on a rate is about normally distributed.
FEWEST = 5


@dataclass(frozen=True)
class VariantResult:
    """The metrics of a variant, with intervals of the level 1 - alpha. Values that its users do not tell are None."""

    variant: str
    users: int
    share: float | None
    expected_share: float
    conversions: int
    conversion_rate: float | None
    conversion_rate_ci: Interval | None
    revenue_per_user: float | None
    revenue_per_user_ci: Interval | None


@dataclass(frozen=True)
class ExperimentResult:
    """All of an experiment.

    Attributes:
        valid: whether the users by variant are such as the expected shares lead to.
        notes: what a reader has to know before the figures.
        srm_p_value: of the expected shares, by the χ² test; holds for one look.
        srm_sequential_p_value: of the expected shares; holds at every look.
        comparisons: conversion rates of all treatments, then revenues.
    """

    valid: bool
    notes: Sequence[str]
    alpha: float
    alpha_per_comparison: float
    srm_p_value: float | None
    srm_sequential_p_value: float
    comparisons: Sequence[Comparison]
    variants: Sequence[VariantResult]


def analyse(
    variants: Sequence[Variant], alpha: float = 0.05, lift: float | None = None, days: float | None = None
) -> ExperimentResult:
    """Returns the result of an experiment with at least one treatment. The first variant is the control.

    Args:
        lift: relative lift that the experiment is to detect.
        days: days that it has been running.
    """
    users = [variant.users for variant in variants]
    shares = [variant.share for variant in variants]
    mismatch = number(sample_ratio.chi_square_test(users, shares))
    sequential = float(sample_ratio.sequential_test(users, shares))
    is_valid = mismatch is None or min(mismatch, sequential) >= sample_ratio.MISMATCH
    goal = Goal(alpha, len(variants) - 1, lift, days, sum(users))
    control, *treatments = variants
    comparisons = [compare_rates(control, treatment, goal) for treatment in treatments]
    if all(variant.revenue for variant in variants):
        comparisons += [compare_revenues(control, treatment, goal) for treatment in treatments]
    return ExperimentResult(
        valid=is_valid,
        notes=list(_notes(variants, is_valid)),
        alpha=alpha,
        alpha_per_comparison=goal.alpha_per_comparison,
        srm_p_value=mismatch,
        srm_sequential_p_value=sequential,
        comparisons=comparisons,
        variants=[describe(variant, sum(users), alpha) for variant in variants],
    )


def _notes(variants: Sequence[Variant], is_valid: bool) -> Iterable[str]:
    if not is_valid:
        yield (
            f"invalid: sample ratio mismatch (p < {sample_ratio.MISMATCH}); the variants' users differ in more than the"
            " variant; find the cause before you use any of these figures"
        )
    for variant in variants:
        if min(variant.conversions, variant.users - variant.conversions) < FEWEST:
            yield (
                f"{variant.variant}: fewer than {FEWEST} users converted, or fewer than {FEWEST} did not; p-values and"
                " intervals of the conversion rate are rough"
            )


def describe(variant: Variant, users: int, alpha: float) -> VariantResult:
    """Returns the metrics of a variant. `users`: of all variants."""
    revenue = variant.revenue
    revenue_ci = None
    if revenue:
        half_width = t_quantile(revenue.users - 1, alpha) * np.sqrt(revenue.variance / np.maximum(revenue.users, 1))
        revenue_ci = interval(revenue.mean - half_width, revenue.mean + half_width)
    return VariantResult(
        variant=variant.variant,
        users=variant.users,
        share=variant.users / users if users else None,
        expected_share=variant.share,
        conversions=variant.conversions,
        conversion_rate=variant.conversions / variant.users if variant.users else None,
        conversion_rate_ci=interval(*proportions.wilson_interval(variant.users, variant.conversions, alpha)),
        revenue_per_user=number(revenue.mean) if revenue else None,
        revenue_per_user_ci=revenue_ci,
    )
