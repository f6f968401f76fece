"""The rows of `experiment_statistics`: an experiment, a variant and a metric each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from runtime.analytics.experiments import cuped
from runtime.analytics.experiments.comparison import Comparison, Interval, Variant
from runtime.analytics.experiments.guardrails import check
from runtime.analytics.experiments.registered import MIXED, Registered, Sums, has_two_sides
from runtime.analytics.experiments.result import ExperimentResult, VariantResult, analyse, describe
from runtime.analytics.experiments.sample_ratio import MISMATCH
from runtime.analytics.experiments.samples import Sample

RATE, REVENUE, CUPED = "conversion_rate", "revenue_per_user", "revenue_per_user_cuped"
GOALS = {RATE: (RATE,), REVENUE: (REVENUE, CUPED)}

NOT_REGISTERED = (
    "not registered, so no shares are expected and nothing is compared; write a file with a row for each variant, and"
    " load it: python -m local load experiments FILE.csv"
)
ONE_SIDED = "registered without a control and another variant; load a file with both"
UNKNOWN_VARIANTS = (
    "users of variants that are not registered ({names}): {users:,}; correct the clicks or the registration, and do not"
    " use these figures"
)
MISMATCHED = (
    f"sample ratio mismatch (p < {MISMATCH}): the variants' users differ in more than the variant; find the cause, and"
    " do not use these figures"
)
NO_RATE = "users whose revenue is unknown because an exchange rate is missing: {users:,}"
MIXED_USERS = "users who saw several variants, and are left out: {users:,}; assign users the same variant in each visit"
SHOWN_NAMES = 3


@dataclass(frozen=True)
class _Adjusted:
    """Revenues adjusted by CUPED. `variance_reduction`: the share of the variance that is explained."""

    samples: Mapping[str, Sample]
    variance_reduction: float | None = None


Row = dict[str, object]


def statistics_of(registered: Sequence[Registered], sums: Sequence[Sums], now: datetime) -> list[Row]:
    """Returns the rows of an experiment by the columns of the table.

    Args:
        registered: its variants, the control first; empty if nobody registered it.
        sums: its users by variant; those who saw several variants are under `MIXED`.
        now: time of the refresh.
    """
    by_variant = {row.variant: row for row in sums}
    mixed = by_variant.pop(MIXED, None)
    names = [row.variant for row in registered]
    names += sorted(by_variant.keys() - set(names))
    if not names:
        return []
    experiment_id = registered[0].experiment_id if registered else sums[0].experiment_id
    variants = [by_variant.get(name, Sums(experiment_id, name)) for name in names]
    common: Row = {"experiment_id": experiment_id, "mixed_users": mixed.users if mixed else 0}
    if not has_two_sides(registered):
        common |= {"is_valid": False, "why_invalid": ONE_SIDED if registered else NOT_REGISTERED}
        common |= {"notes": _notes(variants, mixed, [])}
        return _described(common, variants, registered)
    return list(_compared(common, variants, registered, mixed, now))


def _described(
    common: Row, variants: Sequence[Sums], registered: Sequence[Registered], alpha: float = 0.05, first: int = 0
) -> list[Row]:
    """Returns the rows of variants that nothing can be compared with. `first`: position of the first one."""
    known = {row.variant for row in registered}
    users = sum(row.users for row in variants)
    rows = []
    for position, row in enumerate(variants, first):
        variant = Variant(row.variant, 0, row.users, row.conversions, row.revenue_sample)
        described = _of_variant(describe(variant, users, alpha), row.variant in known, share=None)
        rows += [common | described | _of_metric(metric, position) for metric in (RATE, REVENUE)]
    return rows


def _compared(
    common: Row, variants: Sequence[Sums], registered: Sequence[Registered], mixed: Sums | None, now: datetime
) -> Iterator[Row]:
    control = registered[0]
    known, unknown = variants[: len(registered)], variants[len(registered) :]
    adjusted = _adjust(known)
    result = _analyse(registered, known, {row.variant: row.revenue_sample for row in known}, now)
    result_adjusted = _analyse(registered, known, adjusted.samples, now)
    comparisons = {(row.metric, row.variant): row for row in result.comparisons}
    comparisons |= {(CUPED, row.variant): row for row in result_adjusted.comparisons if row.metric == REVENUE}
    why_invalid = _why_invalid(result, unknown)
    common |= {
        "is_valid": why_invalid is None,
        "why_invalid": why_invalid,
        "notes": _notes(known, mixed, result.notes),
        "started_at": control.started_at,
        "ended_at": control.ended_at,
        "srm_p_value": result.srm_p_value,
        "srm_sequential_p_value": result.srm_sequential_p_value,
    }
    for position, described in enumerate(result.variants):
        variant = common | _of_variant(described, is_registered=True, share=described.expected_share)
        variant |= {"is_control": position == 0}
        for metric in (RATE, REVENUE, CUPED):
            row = variant | _of_metric(metric, position) | {"is_goal": metric in GOALS[control.metric]}
            if metric == CUPED:
                row["variance_reduction"] = adjusted.variance_reduction
            comparison = comparisons.get((metric, described.variant))
            yield row | (_of_comparison(comparison, control, why_invalid is None) if comparison else {})
    if unknown:
        yield from _described(common, unknown, registered, control.alpha, first=len(known))


def _analyse(
    registered: Sequence[Registered], sums: Sequence[Sums], revenues: Mapping[str, Sample | None], now: datetime
) -> ExperimentResult:
    shares = sum(row.expected_share for row in registered)
    variants = [
        Variant(row.variant, float(row.expected_share / shares), of.users, of.conversions, revenues.get(row.variant))
        for row, of in zip(registered, sums, strict=True)
    ]
    control = registered[0]
    return analyse(variants, control.alpha, control.lift, control.days(now))


def _adjust(sums: Sequence[Sums]) -> _Adjusted:
    """Returns the revenues adjusted by CUPED; none if a revenue is unknown, or a variant has fewer than two users."""
    if any(row.users < 2 or row.without_revenue or row.without_revenue_before for row in sums):
        return _Adjusted({})
    adjustment = cuped.adjust([row.paired for row in sums])
    samples = dict(zip((row.variant for row in sums), adjustment.samples, strict=True))
    return _Adjusted(samples, adjustment.variance_reduction)


def _why_invalid(result: ExperimentResult, unknown: Sequence[Sums]) -> str | None:
    reasons = [] if result.valid else [MISMATCHED]
    if unknown:
        names = ", ".join(row.variant for row in unknown[:SHOWN_NAMES]) + (", …" if len(unknown) > SHOWN_NAMES else "")
        reasons.append(UNKNOWN_VARIANTS.format(users=sum(row.users for row in unknown), names=names))
    return "; ".join(reasons) or None


def _notes(sums: Sequence[Sums], mixed: Sums | None, notes: Sequence[str]) -> str | None:
    without_revenue = sum(row.without_revenue for row in sums)
    texts = [note for note in notes if not note.startswith("invalid:")]
    texts += [MIXED_USERS.format(users=mixed.users)] if mixed else []
    texts += [NO_RATE.format(users=without_revenue)] if without_revenue else []
    return "; ".join(texts) or None


def _of_variant(result: VariantResult, is_registered: bool, share: float | None) -> Row:
    return {
        "variant": result.variant,
        "is_control": False,
        "is_registered": is_registered,
        "users": result.users,
        "user_share": result.share,
        "expected_share": share,
        "conversions": result.conversions,
        "conversion_rate": result.conversion_rate,
        **_ends("conversion_rate", result.conversion_rate_ci),
        "revenue_per_user": result.revenue_per_user,
        **_ends("revenue_per_user", result.revenue_per_user_ci),
    }


def _of_metric(metric: str, position: int) -> Row:
    return {"metric": metric, "position": position, "is_goal": False}


def _of_comparison(comparison: Comparison, control: Registered, is_valid: bool) -> Row:
    is_guardrail = comparison.metric != control.metric
    tolerated = check(comparison.ci_always_valid, control.tolerated_fall) if is_guardrail and is_valid else None
    return {
        "lift": comparison.lift,
        "p_value": comparison.p_value,
        "p_value_adjusted": comparison.p_value_adjusted,
        **_ends("ci", comparison.ci),
        **_ends("always_valid", comparison.ci_always_valid),
        "verdict": _verdict(comparison.ci_always_valid) if is_valid else None,
        "guardrail": str(tolerated) if tolerated else None,
        "minimum_detectable_lift": comparison.minimum_detectable_lift,
        "users_needed": comparison.users_needed,
        "days_left": comparison.days_left,
    }


def _verdict(interval: Interval | None) -> str:
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "undecided"
    return "better" if interval[0] > 0 else "worse"


def _ends(name: str, interval: Interval | None) -> Row:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}
