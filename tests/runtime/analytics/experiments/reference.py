"""A plain recomputation of the results of experiments from events. The tests compare the database with it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from runtime.analytics.experiments.comparison import Comparison, Variant
from runtime.analytics.experiments.registered import Registered
from runtime.analytics.experiments.result import ExperimentResult, analyse
from runtime.analytics.experiments.samples import Sample, sample
from tests.oracle import Checkout, Click, Event, Refund, refunded_amounts
from tests.runtime.analytics.experiments.shops import Rates

BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class User:
    """A user of an experiment. `variant`: None if the user saw several. Revenues are None if they are unknown."""

    variant: str | None
    checkouts: int
    revenue: Fraction | None
    revenue_before: Fraction | None


@dataclass(frozen=True)
class World:
    """The events that stand, and what the results depend on besides them."""

    events: Sequence[Event]
    labels: Mapping[str, tuple[str | None, str | None]]
    registered: Sequence[Registered]
    rates: Rates
    reporting_currency: str

    def users_of(self, experiment_id: str) -> dict[str, User]:
        period = next((row for row in self.registered if row.experiment_id == experiment_id), None)
        start = period.started_at if period else datetime.min.replace(tzinfo=UTC)
        end = period.ended_at if period and period.ended_at else datetime.max.replace(tzinfo=UTC)
        clicks = [
            (click, variant)
            for click in self.events
            if isinstance(click, Click) and not click.is_bot and start <= click.click_timestamp < end
            for experiment, variant in [self.labels[click.click_id]]
            if experiment == experiment_id and variant is not None
        ]
        return {
            user: self._user(user, [(click, variant) for click, variant in clicks if click.user_id == user], end)
            for user in {click.user_id for click, _ in clicks}
        }

    def _user(self, user: str, clicks: Sequence[tuple[Click, str]], end: datetime) -> User:
        variants = {variant for _, variant in clicks}
        if len(variants) > 1:
            return User(None, 0, Fraction(), Fraction())
        exposed_at = min(click.click_timestamp for click, _ in clicks)
        checkouts = [
            event for event in self.events if isinstance(event, Checkout) and event.user_id == user and not event.test
        ]
        after = [checkout for checkout in checkouts if exposed_at <= checkout.checkout_timestamp < end]
        before = [row for row in checkouts if exposed_at - BEFORE <= row.checkout_timestamp < min(exposed_at, end)]
        return User(variants.pop(), len(after), self._revenue(after), self._revenue(before))

    def _revenue(self, checkouts: Sequence[Checkout]) -> Fraction | None:
        refunds = [event for event in self.events if isinstance(event, Refund)]
        total = Fraction()
        for checkout in checkouts:
            rate = self._rate(checkout.currency, checkout.checkout_timestamp.astimezone(UTC).date())
            if rate is None:
                return None
            total += Fraction(Decimal(checkout.amount) - refunded_amounts(checkout, refunds)[0]) * Fraction(rate)
        return total

    def _rate(self, currency: str, day: date) -> Decimal | None:
        if currency == self.reporting_currency:
            return Decimal(1)
        past = [at for at in self.rates.get(currency, {}) if at <= day]
        return self.rates[currency][max(past)] if past else None


def variants_of(world: World, experiment_id: str) -> dict[str, list[User]]:
    """Returns the users by variant. Users who saw several variants are under the empty text."""
    users = world.users_of(experiment_id).values()
    names = {user.variant or "" for user in users}
    names |= {row.variant for row in world.registered if row.experiment_id == experiment_id}
    return {name: [user for user in users if (user.variant or "") == name] for name in names}


def revenue_of(users: Sequence[User]) -> Sample | None:
    return sample_of(
        None if any(user.revenue is None for user in users) else [user.revenue or Fraction() for user in users]
    )


def sample_of(values: Sequence[Fraction] | None) -> Sample | None:
    if values is None:
        return None
    mean = float(statistics.mean(values)) if values else math.nan
    return sample(len(values), mean, float(statistics.variance(values)) if len(values) > 1 else math.nan)


def adjusted_revenues(variants: Mapping[str, Sequence[User]]) -> dict[str, Sample | None]:
    """Returns the revenues less theta times the revenue before's deviation from its mean; none if one is unknown."""
    everybody = [user for users in variants.values() for user in users]
    pairs = {
        name: [(user.revenue_before or Fraction(), user.revenue or Fraction()) for user in users]
        for name, users in variants.items()
    }
    is_unknown = any(user.revenue is None or user.revenue_before is None for user in everybody)
    if is_unknown or any(len(users) < 2 for users in variants.values()):
        return {}
    xx = xy = Fraction()
    for of_variant in pairs.values():
        mean_x, mean_y = (sum(column, Fraction()) / len(of_variant) for column in zip(*of_variant, strict=True))
        xx += sum((x - mean_x) ** 2 for x, _ in of_variant)
        xy += sum((x - mean_x) * (y - mean_y) for x, y in of_variant)
    theta = xy / xx if xx else Fraction()
    mean = sum((user.revenue_before or Fraction() for user in everybody), Fraction()) / len(everybody)
    return {name: sample_of([y - theta * (x - mean) for x, y in of_variant]) for name, of_variant in pairs.items()}


def analysed(
    registered: Sequence[Registered], users: Mapping[str, Sequence[User]], revenues: Mapping[str, Sample | None]
) -> ExperimentResult:
    whole = sum(row.expected_share for row in registered)
    variants = []
    for row in registered:
        conversions = sum(user.checkouts > 0 for user in users[row.variant])
        share = float(row.expected_share / whole)
        variants.append(Variant(row.variant, share, len(users[row.variant]), conversions, revenues.get(row.variant)))
    return analyse(variants, registered[0].alpha, registered[0].lift)


def comparisons_of(
    registered: Sequence[Registered], users: Mapping[str, Sequence[User]]
) -> dict[tuple[str, str], Comparison]:
    """Returns the comparisons by variant and metric of the view."""
    known = {row.variant: users[row.variant] for row in registered}
    plain = analysed(registered, known, {name: revenue_of(of_variant) for name, of_variant in known.items()})
    adjusted = analysed(registered, known, adjusted_revenues(known))
    by_metric = {(row.variant, row.metric): row for row in plain.comparisons}
    return by_metric | {
        (row.variant, "revenue_per_user_cuped"): row for row in adjusted.comparisons if row.metric == "revenue_per_user"
    }
