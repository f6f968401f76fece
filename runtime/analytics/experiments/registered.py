"""Registered experiments, and the sums of the users that they exposed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from runtime.analytics.experiments.cuped import PairedSums
from runtime.analytics.experiments.samples import Sample, sample_of_sums

# Sums of users who saw several variants are kept under this name.
MIXED = ""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Registered:
    """A row of the table `experiments`: a variant, and what its experiment is to find."""

    experiment_id: str
    variant: str
    is_control: bool
    expected_share: Decimal
    started_at: datetime
    ended_at: datetime | None
    metric: str
    alpha: float
    lift: float | None
    tolerated_fall: float

    def days(self, now: datetime) -> float | None:
        """Returns the days that the experiment has been running; None before its start and after its end."""
        if now <= self.started_at or (self.ended_at and now >= self.ended_at):
            return None
        return (now - self.started_at) / DAY


@dataclass(frozen=True)
class Sums:
    """A row of the table `experiment_sums`: sums over the users of a variant.

    Attributes:
        without_revenue: users whose revenue is unknown, because an exchange rate is missing.
        without_revenue_before: the same of the revenue before the exposure.
        revenue_product: sum of the products of a user's revenue and revenue before.
    """

    experiment_id: str
    variant: str
    users: int = 0
    conversions: int = 0
    without_revenue: int = 0
    without_revenue_before: int = 0
    revenue: Decimal = Decimal()
    squared_revenue: Decimal = Decimal()
    revenue_before: Decimal = Decimal()
    squared_before: Decimal = Decimal()
    revenue_product: Decimal = Decimal()

    @property
    def revenue_sample(self) -> Sample | None:
        """The revenue per user; None if it is unknown."""
        if self.without_revenue:
            return None
        return sample_of_sums(self.users, Fraction(self.revenue), Fraction(self.squared_revenue))

    @property
    def paired(self) -> PairedSums:
        return PairedSums(
            self.users,
            Fraction(self.revenue),
            Fraction(self.revenue_before),
            Fraction(self.squared_revenue),
            Fraction(self.squared_before),
            Fraction(self.revenue_product),
        )


def has_two_sides(registered: Sequence[Registered]) -> bool:
    """Returns whether there is a control and a treatment to compare."""
    return len(registered) > 1 and sum(row.is_control for row in registered) == 1
