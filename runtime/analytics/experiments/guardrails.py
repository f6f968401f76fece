"""Guardrails: metrics that a treatment must not lower, such as the revenue in an experiment about conversions."""

from enum import StrEnum


class Guardrail(StrEnum):
    """State of a metric that must not fall, by the always-valid interval of its lift."""

    KEPT = "kept"
    BREACHED = "breached"
    UNDECIDED = "undecided"


def check(interval: tuple[float, float] | None, tolerated_fall: float = 0.0) -> Guardrail:
    """Returns KEPT where the whole interval is at or above -tolerated_fall, BREACHED where all of it is below.

    A guardrail is looked at all the time, so the interval has to be an always-valid one.
    """
    if interval is None:
        return Guardrail.UNDECIDED
    low, high = interval
    if high < -tolerated_fall:
        return Guardrail.BREACHED
    return Guardrail.KEPT if low >= -tolerated_fall else Guardrail.UNDECIDED
