"""The analyst's views, recomputed plainly from paths. Amounts of zero and empty rows are left out on both sides."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle import Checkout, Click, Event
from tests.runtime.analytics.reference import Labels, Path, unconverted_runs

Rows = dict[tuple[Any, ...], tuple[Any, ...]]
BOUNDS = (
    timedelta(0), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3),
    timedelta(days=7), timedelta(days=14), timedelta(days=30),
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """Everything that the views show. `rates`: by currency, from the first day on; missing: no rate at all."""

    standing: Sequence[Event]
    paths: Mapping[str, Path]
    labels: Mapping[str, Labels]
    rates: Mapping[str, Decimal]
    look_back: timedelta

    def money(self, paths: Iterable[Path], *, net: bool) -> Decimal | None:
        """Returns the sum of amounts in the reporting currency, or None without a rate for one of them."""
        total = Decimal(0)
        for path in paths:
            rate = self.rates.get(path.checkout.currency)
            if rate is None:
                return None
            total += (path.net if net else Decimal(path.checkout.amount)) * rate
        return total

    def by(self, key: Any) -> dict[Any, list[Path]]:
        groups: dict[Any, list[Path]] = defaultdict(list)
        for path in self.paths.values():
            groups[key(path)].append(path)
        return groups


def channels_of(path: Path) -> list[str]:
    return [touch.channel for touch in path.touches]


def conversion_paths(world: World) -> Rows:
    return {
        (name,): (
            path.checkout.user_id,
            Decimal(path.checkout.amount),
            path.net,
            path.is_new_customer,
            len(path.touches),
            " > ".join(channels_of(path)) or "(unattributed)",
            path.clicks[0].click_id if path.clicks else None,
            path.checkout.checkout_timestamp - path.clicks[0].click_timestamp if path.clicks else None,
        )
        for name, path in world.paths.items()
    }


def path_summary(world: World) -> Rows:
    rows: Rows = {}
    groups = world.by(lambda path: (path.day, " > ".join(channels_of(path)) or "(unattributed)"))
    runs: dict[Any, int] = defaultdict(int)
    for run in unconverted_runs(world.standing, world.look_back):
        day = run[-1].click_timestamp.astimezone(UTC).date()
        runs[day, " > ".join(world.labels[click.click_id].channel for click in run)] += 1
    for key in groups.keys() | runs.keys():
        paths = groups.get(key, [])
        amounts = world.money(paths, net=False), world.money(paths, net=True)
        rows[key] = (len(paths), runs[key], *amounts)
    return rows


def assisted_conversions(world: World) -> Rows:
    rows: Rows = {}
    days = {(path.day, channel) for path in world.paths.values() for channel in channels_of(path)}
    for day, channel in days:
        paths = [path for path in world.paths.values() if path.day == day and channel in channels_of(path)]
        assisted = [path for path in paths if channels_of(path)[-1] != channel]
        rows[day, channel] = (
            sum(channels_of(path)[0] == channel for path in paths),
            len(paths) - len(assisted),
            len(assisted),
            None if world.money(paths, net=True) is None else world.money(assisted, net=True),
        )
    return rows


def time_to_convert(world: World) -> Rows:
    rows: Rows = {}
    touched = [path for path in world.paths.values() if path.touches]
    for day in {path.day for path in touched}:
        for low, high in zip(BOUNDS, [*BOUNDS[1:], timedelta.max], strict=True):
            paths = [
                path
                for path in touched
                if path.day == day and low <= path.checkout.checkout_timestamp - path.clicks[0].click_timestamp < high
            ]
            if paths:
                rows[day, low] = (len(paths), world.money(paths, net=False), world.money(paths, net=True))
    return rows


def new_vs_returning(world: World) -> Rows:
    groups = world.by(lambda path: (path.day, "new" if path.is_new_customer else "returning"))
    return {
        key: (len(paths), world.money(paths, net=False), world.money(paths, net=True)) for key, paths in groups.items()
    }


def cohort_ltv(world: World) -> Rows:
    months: dict[str, list[tuple[date, Path]]] = defaultdict(list)
    for path in world.paths.values():
        months[path.checkout.user_id].append((path.day.replace(day=1), path))
    cohorts: dict[date, list[list[tuple[date, Path]]]] = defaultdict(list)
    for orders in months.values():
        cohorts[min(month for month, _ in orders)].append(orders)
    rows: Rows = {}
    for cohort, users in cohorts.items():
        # The shops of the tests lie within one month.
        paths = [path for orders in users for _, path in orders]
        net = world.money(paths, net=True)
        rows[cohort, 0] = (len(users), len(users), len(paths), net, net)
    return rows


def unattributed(world: World) -> Rows:
    rows: Rows = {}
    clicks = [event for event in world.standing if isinstance(event, Click)]
    for day, paths in world.by(lambda path: path.day).items():
        missed = [path for path in paths if not path.touches]
        reasons = {"robot": 0, "older": 0, "none": 0}
        for path in missed:
            at = path.checkout.checkout_timestamp
            before = [c for c in clicks if c.user_id == path.checkout.user_id and c.click_timestamp <= at]
            if any(c.is_bot and c.click_timestamp >= at - world.look_back for c in before):
                reasons["robot"] += 1
            elif any(not c.is_bot for c in before):
                reasons["older"] += 1
            else:
                reasons["none"] += 1
        gap = world.money(paths, net=True) is None
        rows[(day,)] = (
            len(paths),
            len(missed),
            None if gap else world.money(missed, net=True),
            reasons["robot"],
            reasons["older"],
            reasons["none"],
        )
    return rows


def funnel(world: World) -> Rows:
    visits: dict[Any, list[Click]] = defaultdict(list)
    checkouts = [event for event in world.standing if isinstance(event, Checkout) and not event.test]
    for event in world.standing:
        if isinstance(event, Click) and not event.is_bot:
            visits[event.click_timestamp.astimezone(UTC).date(), world.labels[event.click_id].channel].append(event)

    def bought(click: Click) -> bool:
        return any(
            checkout.user_id == click.user_id
            and click.click_timestamp <= checkout.checkout_timestamp <= click.click_timestamp + world.look_back
            for checkout in checkouts
        )

    return {
        key: (
            len(clicks),
            len({click.user_id for click in clicks}),
            len({click.user_id for click in clicks if world.labels[click.click_id].product}),
            len({click.user_id for click in clicks if bought(click)}),
        )
        for key, clicks in visits.items()
    }
