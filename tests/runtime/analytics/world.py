"""Everything that the analyst's views show, from which the tests recompute their rows."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from tests.oracle import Event
from tests.runtime.analytics.credits_reference import Key, Sums, total
from tests.runtime.analytics.reference import Labels, Path

# The rows of a view: other columns by the columns of the key.
Rows = dict[tuple[Any, ...], tuple[Any, ...]]


class Spend(NamedTuple):
    """A row of ad_spend."""

    day: date
    channel: str
    campaign: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, kw_only=True)
class World:
    """Events, paths and credits of a shop, and the inputs. `rates`: rates of each currency by their first day."""

    standing: Sequence[Event]
    paths: Mapping[str, Path]
    labels: Mapping[str, Labels]
    credits: Mapping[Key, Sums]
    spend: Sequence[Spend]
    rates: Mapping[str, Mapping[date, Decimal]]
    reporting_currency: str
    look_back: timedelta
    half_life: timedelta

    def rate(self, currency: str, day: date) -> Decimal | None:
        if currency == self.reporting_currency:
            return Decimal(1)
        past = [at for at in self.rates.get(currency, {}) if at <= day]
        return self.rates[currency][max(past)] if past else None

    def converted(self, amount: Decimal, currency: str, day: date) -> Decimal | None:
        """Returns the amount in the reporting currency, or None without a rate."""
        rate = self.rate(currency, day)
        return None if rate is None else amount * rate

    def money(self, paths: Iterable[Path], *, net: bool) -> Decimal | None:
        """Returns the sum of amounts in the reporting currency, or None without a rate for one of them."""
        return total(
            [
                self.converted(path.net if net else Decimal(path.checkout.amount), path.checkout.currency, path.day)
                for path in paths
            ]
        )

    def by(self, key: Any) -> dict[Any, list[Path]]:
        groups: dict[Any, list[Path]] = defaultdict(list)
        for path in self.paths.values():
            groups[key(path)].append(path)
        return groups
