"""Paths of channels, aggregated over users."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class PathTotals:
    """A path of channels, how many users converted at its end, for which value, and how many did not (`nulls`).

    Raises:
        ValueError: the path has no touch. Conversions without touches are credited to `(unattributed)`, not by models.
    """

    channels: tuple[str, ...]
    conversions: Fraction
    value: Fraction = Fraction()
    nulls: Fraction = Fraction()

    def __post_init__(self) -> None:
        if not self.channels:
            raise ValueError("a path has at least one touch")
