"""The result of an experiment: validity, several treatments, guardrails, and what users do not tell."""

from fractions import Fraction

import pytest

from runtime.analytics.experiments.comparison import Variant
from runtime.analytics.experiments.guardrails import Guardrail, check
from runtime.analytics.experiments.result import analyse
from runtime.analytics.experiments.samples import Sample, sample, sample_of_sums


def variant(name: str, users: int, conversions: int, share: float = 0.5, revenue: Sample | None = None) -> Variant:
    return Variant(name, share, users, conversions, revenue)


def test_a_treatment_is_compared_with_the_control() -> None:
    result = analyse([variant("a", 10_000, 1_000), variant("b", 10_050, 1_105)])
    (comparison,) = result.comparisons
    assert result.valid
    assert (comparison.variant, comparison.control, comparison.metric) == ("b", "a", "conversion_rate")
    assert comparison.lift == pytest.approx(0.0995025)
    assert comparison.p_value == comparison.p_value_adjusted == pytest.approx(0.0215539, abs=1e-7)
    assert comparison.ci == pytest.approx((0.0105072, 0.1884978), abs=1e-7)
    # 3.1276 standard errors of 0.0454043: ln(√(20,050 · ρ² + 1) / 0.05) with ρ² = 0.0015867.
    assert comparison.ci_always_valid == pytest.approx((-0.0425018, 0.2415068), abs=1e-7)


def test_a_mismatch_makes_the_result_invalid_and_says_so() -> None:
    result = analyse([variant("a", 821_588, 40_000), variant("b", 815_482, 41_000)])
    assert not result.valid
    assert result.srm_p_value == pytest.approx(1.82e-6, abs=5e-9)
    assert result.notes[0].startswith("invalid: sample ratio mismatch (p < 0.001)")
    assert result.comparisons[0].lift is not None


def test_unequal_shares_are_no_mismatch() -> None:
    variants = [variant("a", 5_000, 500, 0.5), variant("b", 2_500, 250, 0.25), variant("c", 2_500, 250, 0.25)]
    assert analyse(variants).srm_p_value == 1


def test_several_treatments_share_alpha() -> None:
    control, first, second = (
        variant(name, 10_000, count, 1 / 3) for name, count in zip("abc", (1000, 1100, 1000), strict=True)
    )
    alone = analyse([control, first], alpha=0.025).comparisons[0]
    together = analyse([control, first, second], alpha=0.05)
    assert together.alpha_per_comparison == 0.025
    assert [comparison.variant for comparison in together.comparisons] == ["b", "c"]
    assert together.comparisons[0].ci == alone.ci
    assert together.comparisons[0].ci_always_valid == alone.ci_always_valid
    assert together.comparisons[0].p_value == alone.p_value
    assert together.comparisons[0].p_value_adjusted == pytest.approx(2 * (alone.p_value or 0))
    assert together.comparisons[1].p_value_adjusted == 1


def test_revenues_are_compared_after_the_rates() -> None:
    variants = [
        variant("a", 3407, 340, revenue=sample(3407, 0.41, 3.9**2)),
        variant("b", 3461, 350, revenue=sample(3461, 0.70, 6.2**2)),
    ]
    rate, revenue = analyse(variants).comparisons
    assert (rate.metric, revenue.metric) == ("conversion_rate", "revenue_per_user")
    assert revenue.p_value == pytest.approx(0.02016, abs=5e-6)
    assert revenue.difference_ci == pytest.approx((0.04538, 0.53462), abs=5e-6)
    assert revenue.lift == pytest.approx(0.7 / 0.41 - 1)
    assert rate.difference_ci is None


def test_a_target_lift_needs_users_and_days() -> None:
    (comparison,) = analyse([variant("a", 1_920, 192), variant("b", 1_921, 200)], lift=0.2, days=10).comparisons
    assert comparison.users_needed == pytest.approx(2 * 3_841, abs=2)
    assert comparison.days_left == 10
    assert (
        analyse([variant("a", 9_000, 900), variant("b", 9_000, 900)], lift=0.2, days=10).comparisons[0].days_left == 0
    )


def test_the_users_for_an_impossible_lift_are_unknown() -> None:
    (comparison,) = analyse([variant("a", 100, 60), variant("b", 100, 60)], lift=0.9, days=10).comparisons
    assert (comparison.users_needed, comparison.days_left) == (None, None)


@pytest.mark.parametrize("counts", [(0, 0, 0, 0), (0, 0, 10, 5), (10, 0, 10, 0), (10, 0, 10, 5), (10, 10, 10, 10)])
def test_what_users_do_not_tell_is_none(counts: tuple[int, int, int, int]) -> None:
    revenue = sample_of_sums(counts[0], Fraction(), Fraction())
    result = analyse([variant("a", *counts[:2], revenue=revenue), variant("b", *counts[2:], revenue=revenue)])
    for comparison in result.comparisons:
        assert comparison.ci is None
        assert comparison.ci_always_valid is None
        assert comparison.guardrail == Guardrail.UNDECIDED
    assert any("fewer than 5 users converted" in note for note in result.notes)


@pytest.mark.parametrize(
    ("interval", "tolerated_fall", "state"),
    [
        (None, 0, Guardrail.UNDECIDED),
        ((-0.2, -0.1), 0, Guardrail.BREACHED),
        ((-0.2, 0.1), 0, Guardrail.UNDECIDED),
        ((0.0, 0.1), 0, Guardrail.KEPT),
        ((-0.01, 0.1), 0.02, Guardrail.KEPT),
        ((-0.2, -0.01), 0.02, Guardrail.UNDECIDED),
        ((-0.2, -0.03), 0.02, Guardrail.BREACHED),
    ],
)
def test_guardrails(interval: tuple[float, float] | None, tolerated_fall: float, state: Guardrail) -> None:
    assert check(interval, tolerated_fall) == state
