"""Allocation of whole units, such as cents, by weights."""

from collections.abc import Sequence
from fractions import Fraction


def allocate(units: int, weights: Sequence[Fraction]) -> list[int]:
    """Divides units in proportion to weights by the largest remainder. The parts always add up to `units`.

    Equal remainders go to the earlier position. A weight of zero gets nothing. A negative number of units is divided
    like its absolute value.

    Raises:
        ValueError: a weight is negative, or there are units and no weight above zero.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("weights must not be negative")
    if not units:
        return [0] * len(weights)
    total = sum(weights, Fraction())
    if not total:
        raise ValueError(f"{units} units and no weight above zero")
    quotas = [abs(units) * weight / total for weight in weights]
    parts = [quota.numerator // quota.denominator for quota in quotas]
    # Python's sort is stable: equal remainders stay in the order of their positions.
    by_remainder = sorted(range(len(parts)), key=lambda position: parts[position] - quotas[position])
    for position in by_remainder[: abs(units) - sum(parts)]:
        parts[position] += 1
    return parts if units > 0 else [-part for part in parts]
