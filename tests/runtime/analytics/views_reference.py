"""The analyst's views, recomputed plainly from paths: all columns of all rows, by the columns of their keys."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal
from typing import Any

from tests.oracle import Checkout, Click
from tests.runtime.analytics.credits_reference import ratio
from tests.runtime.analytics.reference import MODELS, Path, credits_of, unconverted_runs
from tests.runtime.analytics.world import Rows, World

UNATTRIBUTED = "(unattributed)"
BOUNDS = (
    timedelta(0), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=3),
    timedelta(days=7), timedelta(days=14), timedelta(days=30),
)  # fmt: skip


def channels_of(path: Path) -> list[str]:
    return [touch.channel for touch in path.touches]


def conversion_paths(world: World) -> Rows:
    rows: Rows = {}
    for name, path in world.paths.items():
        checkout, channels = path.checkout, channels_of(path) or [UNATTRIBUTED]
        first, last = (path.clicks[0], path.clicks[-1]) if path.clicks else (None, None)
        rows[(name,)] = (
            checkout.user_id,
            checkout.checkout_timestamp,
            path.day,
            checkout.currency,
            Decimal(checkout.amount),
            path.net,
            path.is_new_customer,
            len(path.touches),
            " > ".join(channels),
            channels[0],
            channels[-1],
            first.click_id if first else None,
            first.click_timestamp if first else None,
            last.click_timestamp if last else None,
            checkout.checkout_timestamp - first.click_timestamp if first else None,
        )
    return rows


def channel_credits(world: World) -> Rows:
    return {
        (name, path.day, model, *where, path.checkout.currency): tuple(credit)
        for name, path in world.paths.items()
        for model in MODELS
        for where, credit in credits_of(path, model, world.half_life).items()
    }


def reporting_rates(world: World) -> Rows:
    pairs = {(path.day, path.checkout.currency) for path in world.paths.values()}
    pairs |= {(row.day, row.currency) for row in world.spend}
    return {(day, currency): (world.rate(currency, day),) for day, currency in pairs}


def path_summary(world: World) -> Rows:
    groups = world.by(lambda path: (path.day, *named(channels_of(path))))
    runs: dict[Any, int] = defaultdict(int)
    for run in unconverted_runs(world.standing, world.look_back):
        day = run[-1].click_timestamp.astimezone(UTC).date()
        runs[day, *named([world.labels[click.click_id].channel for click in run])] += 1
    return {
        key: (
            len(groups.get(key, [])),
            runs[key],
            world.money(groups.get(key, []), net=False),
            world.money(groups.get(key, []), net=True),
        )
        for key in groups.keys() | runs.keys()
    }


def named(channels: Sequence[str]) -> tuple[str, int]:
    """Returns a path's name and number of touches."""
    return " > ".join(channels) or UNATTRIBUTED, len(channels)


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
        for low, high in zip(BOUNDS, [*BOUNDS[1:], None], strict=True):
            paths = [
                path
                for path in touched
                if path.day == day
                and low <= path.checkout.checkout_timestamp - path.clicks[0].click_timestamp < (high or timedelta.max)
            ]
            if paths:
                rows[day, low] = (high, len(paths), world.money(paths, net=False), world.money(paths, net=True))
    return rows


def new_vs_returning(world: World) -> Rows:
    groups = world.by(lambda path: (path.day, "new" if path.is_new_customer else "returning"))
    rows: Rows = {}
    for key, paths in groups.items():
        gross = world.money(paths, net=False)
        rows[key] = (len(paths), gross, world.money(paths, net=True), ratio(gross, Decimal(len(paths))))
    return rows


def cohort_ltv(world: World) -> Rows:
    orders = world.by(lambda path: path.checkout.user_id)
    cohorts: dict[date, list[Path]] = defaultdict(list)
    for paths in orders.values():
        cohorts[min(month_of(path) for path in paths)] += paths
    last_month = max(map(month_of, world.paths.values()), default=date.min)
    rows: Rows = {}
    for cohort, paths in cohorts.items():
        customers = len({path.checkout.user_id for path in paths})
        months, so_far = 0, list[Path]()
        while (month := later(cohort, months)) <= last_month:
            own = [path for path in paths if month_of(path) == month]
            so_far += own
            cumulative = world.money(so_far, net=True)
            rows[cohort, months] = (
                customers,
                len({path.checkout.user_id for path in own}),
                len(own),
                world.money(own, net=True),
                cumulative,
                ratio(cumulative, Decimal(customers)),
            )
            months += 1
    return rows


def month_of(path: Path) -> date:
    return path.day.replace(day=1)


def later(month: date, months: int) -> date:
    number = month.year * 12 + month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


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
        is_gap = world.money(paths, net=True) is None
        rows[(day,)] = (
            len(paths),
            len(missed),
            ratio(Decimal(len(missed)), Decimal(len(paths))),
            None if is_gap else world.money(missed, net=False),
            None if is_gap else world.money(missed, net=True),
            *reasons.values(),
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

    rows: Rows = {}
    for key, clicks in visits.items():
        visitors = len({click.user_id for click in clicks})
        viewers = len({click.user_id for click in clicks if world.labels[click.click_id].product})
        buyers = len({click.user_id for click in clicks if bought(click)})
        rows[key] = (len(clicks), visitors, viewers, buyers, ratio(Decimal(buyers), Decimal(visitors)))
    return rows
