"""The last hour as the live page shows it, kept in memory in steps of five seconds."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

STEP = 5
HOUR = timedelta(hours=1)
STEPS_OF_AN_HOUR = 3600 // STEP
# Length of the moving charts, and of the period of the percentiles.
CHART_STEPS = 10 * 60 // STEP
MINUTE_STEPS = 60 // STEP
RATE_SECONDS = 30
UNATTRIBUTED = "(unattributed)"


class Batch(NamedTuple):
    """A row of `batches`. `events`: new clicks, checkouts and refunds.

    `watermark`: null before the first one. `newest_event`: null without a new click or checkout.
    """

    began_at: datetime
    committed_at: datetime
    events: int
    refunds: int
    refused: int
    late: int
    conflicts: int
    repaired: int
    watermark: datetime | None
    newest_event: datetime | None


class Labels(NamedTuple):
    """The labels of a click, by which its channel is known. Missing labels are empty."""

    source: str
    medium: str
    campaign: str
    referrer_host: str


@dataclass
class Sales:
    """Checkouts of one step and channel. `revenue`: null when an exchange rate is missing, those of `lacking`."""

    checkouts: int = 0
    revenue: Decimal | None = Decimal(0)
    lacking: set[str] = field(default_factory=set)

    def add(self, checkouts: int, revenue: Decimal | None, lacking: Iterable[str]) -> None:
        self.checkouts += checkouts
        self.revenue = None if revenue is None or self.revenue is None else self.revenue + revenue
        self.lacking |= set(lacking)


@dataclass
class Window:
    """Rows and counts that the live page has read so far.

    `batches`: by query and number. `latencies`: milliseconds by step of the commit. `sales`: by step of the checkout's
    time, then by channel.
    """

    batches: dict[tuple[str, int], Batch] = field(default_factory=dict)
    latencies: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    sales: dict[int, dict[str, Sales]] = field(default_factory=dict)

    @property
    def newest(self) -> Batch:
        return max(self.batches.values(), key=lambda batch: batch.began_at)

    @property
    def as_of(self) -> datetime:
        return self.newest.committed_at

    @property
    def newest_event(self) -> datetime | None:
        """Time of the newest event of the last hour. It ends the hour of the checkouts, also for events of the past."""
        return max((batch.newest_event for batch in self.batches.values() if batch.newest_event), default=None)

    def forget(self) -> None:
        """Removes what is older than the last hour, and latencies older than the charts."""
        first = self.as_of - HOUR
        self.batches = {key: batch for key, batch in self.batches.items() if batch.began_at > first}
        first_latency = step(self.as_of) - CHART_STEPS
        for slot in [slot for slot in self.latencies if slot <= first_latency]:
            del self.latencies[slot]
        if self.newest_event:
            first_sale = first_step(self.newest_event)
            for slot in [slot for slot in self.sales if slot < first_sale]:
                del self.sales[slot]

    def replace_sales(self, first: int, rows: Iterable[tuple[int, str, int, Decimal | None, str]]) -> None:
        """Replaces the sales from step `first` on by rows of step, channel, checkouts, revenue and currency."""
        self.sales = {slot: channels for slot, channels in self.sales.items() if slot < first}
        for slot, channel, checkouts, revenue, currency in rows:
            sale = self.sales.setdefault(slot, {}).setdefault(channel, Sales())
            sale.add(checkouts, revenue, [currency] if revenue is None else [])

    def channels(self) -> Mapping[str, Sales]:
        """Returns the sales of the last hour by channel."""
        totals: dict[str, Sales] = defaultdict(Sales)
        for channels in self.sales.values():
            for channel, sale in channels.items():
                totals[channel].add(sale.checkouts, sale.revenue, sale.lacking)
        return totals


def total(sales: Iterable[Sales]) -> Sales:
    result = Sales()
    for sale in sales:
        result.add(sale.checkouts, sale.revenue, sale.lacking)
    return result


def percentile(counts: Counter[int], percent: int) -> int | None:
    """Returns a percentile by the nearest-rank method, so it is one of the values; None without values."""
    rank = math.ceil(percent * counts.total() / 100)
    for value in sorted(counts):
        rank -= counts[value]
        if rank <= 0 and counts[value]:
            return value
    return None


def step(at: datetime) -> int:
    """Returns the number of the step of five seconds that `at` lies in."""
    return int(at.timestamp()) // STEP


def first_step(newest_event: datetime) -> int:
    """Returns the first step of the hour that ends with the step of the newest event."""
    return step(newest_event) - STEPS_OF_AN_HOUR + 1


def time_of(slot: int) -> datetime:
    """Returns the end of a step."""
    return datetime.fromtimestamp((slot + 1) * STEP, UTC)
