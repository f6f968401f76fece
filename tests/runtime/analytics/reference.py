"""A plain recomputation of paths and credits from events. The tests compare the database with it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from runtime.analytics.models import weights
from runtime.analytics.models.allocation import allocate
from runtime.analytics.models.markov import markov
from runtime.analytics.models.path_totals import PathTotals
from runtime.analytics.models.shapley import shapley, shapley_markov
from tests.oracle import Checkout, Click, Event, Refund, refunded_amounts

DIGITS = {"EUR": 2, "JPY": 0, "KWD": 3}
MODELS = (
    "first_touch", "last_touch", "last_non_direct", "linear", "time_decay", "position_based", "w_shaped", "shapley",
)  # fmt: skip
CONVERSION_DIGITS = 9


class Labels(NamedTuple):
    """What a click says of its traffic and product, and the channel that the default rules give it."""

    channel: str
    source: str | None = None
    medium: str | None = None
    campaign: str | None = None
    product: str | None = None

    @property
    def where(self) -> tuple[str, str]:
        return self.channel, self.campaign or ""


@dataclass(frozen=True)
class Path:
    """A checkout with its touches, in order."""

    checkout: Checkout
    net: Decimal
    is_new_customer: bool
    clicks: Sequence[Click]
    touches: Sequence[Labels]
    products: frozenset[str]

    @property
    def day(self) -> date:
        return self.checkout.checkout_timestamp.astimezone(UTC).date()

    @property
    def digits(self) -> int:
        amounts = (Decimal(self.checkout.amount).normalize(), self.net.normalize())
        return max(DIGITS[self.checkout.currency], *(-int(amount.as_tuple().exponent) for amount in amounts))


class Credit(NamedTuple):
    conversions: Decimal
    gross: Decimal
    net: Decimal


def paths_of(
    standing: Iterable[Event],
    labels: Mapping[str, Labels],
    products: Mapping[str, frozenset[str]],
    look_back: timedelta,
) -> dict[str, Path]:
    """Returns the paths of all checkouts but test orders, by checkout id."""
    events = list(standing)
    clicks = sorted(event for event in events if isinstance(event, Click) and not event.is_bot)
    checkouts = [event for event in events if isinstance(event, Checkout) and not event.test]
    refunds = [event for event in events if isinstance(event, Refund)]
    first_of: dict[str, tuple[datetime, str]] = {}
    for checkout in checkouts:
        place = checkout.checkout_timestamp, checkout.checkout_id
        first_of[checkout.user_id] = min(first_of.get(checkout.user_id, place), place)
    paths = {}
    for checkout in checkouts:
        at = checkout.checkout_timestamp
        touches = [
            click
            for click in clicks
            if click.user_id == checkout.user_id and at - look_back <= click.click_timestamp <= at
        ]
        paths[checkout.checkout_id] = Path(
            checkout,
            Decimal(checkout.amount) - refunded_amounts(checkout, refunds)[0],
            first_of[checkout.user_id] == (at, checkout.checkout_id),
            touches,
            [labels[click.click_id] for click in touches],
            products[checkout.checkout_id],
        )
    return paths


def touch_weights(path: Path, model: str, half_life: timedelta) -> list[Fraction]:
    channels = [touch.channel for touch in path.touches]
    if model == "time_decay":
        ages = [path.checkout.checkout_timestamp - click.click_timestamp for click in path.clicks]
        return weights.time_decay(ages, half_life)
    if model == "w_shaped":
        return weights.w_shaped([touch.product in path.products for touch in path.touches])
    if model == "last_non_direct":
        return weights.last_non_direct(channels)
    if model == "shapley":
        return shapley(channels)
    by_position = {
        "first_touch": weights.first_touch,
        "last_touch": weights.last_touch,
        "linear": weights.linear,
        "position_based": weights.position_based,
    }
    return by_position[model](len(channels))


def divide(amount: Decimal, digits: int, parts: Sequence[Fraction]) -> list[Decimal]:
    return [Decimal(units).scaleb(-digits) for units in allocate(int(amount.scaleb(digits)), parts)]


def conversions_of(parts: Sequence[Fraction], conversions: Decimal = Decimal(1)) -> list[Decimal]:
    """Divides conversions in billionths; what rounding leaves goes to the last parts."""
    total = int(conversions.scaleb(CONVERSION_DIGITS))
    units = [int(total * part / sum(parts)) for part in parts]
    for position in range(len(units) - (total - sum(units)), len(units)):
        units[position] += 1
    return [Decimal(number).scaleb(-CONVERSION_DIGITS) for number in units]


def credits_of(path: Path, model: str, half_life: timedelta) -> dict[tuple[str, str], Credit]:
    """Returns the credits of a checkout by channel and campaign."""
    gross = Decimal(path.checkout.amount)
    if not path.touches:
        return {("(unattributed)", ""): Credit(Decimal(1), gross, path.net)}
    parts = touch_weights(path, model, half_life)
    columns = zip(
        path.touches,
        conversions_of(parts),
        divide(gross, path.digits, parts),
        divide(path.net, path.digits, parts),
        strict=True,
    )
    credits: dict[tuple[str, str], Credit] = {}
    for touch, *amounts in columns:
        if any(amounts):
            former = credits.get(touch.where, Credit(Decimal(0), Decimal(0), Decimal(0)))
            credits[touch.where] = Credit(*(a + b for a, b in zip(former, amounts, strict=True)))
    return credits


def unconverted_runs(standing: Iterable[Event], look_back: timedelta) -> list[list[Click]]:
    """Returns each user's runs of clicks without a checkout in the look-back after them, and without longer pauses."""
    events = list(standing)
    checkouts = [event for event in events if isinstance(event, Checkout) and not event.test]
    runs: list[list[Click]] = []
    by_user: dict[str, list[Click]] = defaultdict(list)
    for click in sorted(event for event in events if isinstance(event, Click) and not event.is_bot):
        by_user[click.user_id].append(click)
    for user, clicks in by_user.items():
        former: Click | None = None
        is_open = False
        for click in clicks:
            is_converted = any(
                checkout.user_id == user
                and click.click_timestamp <= checkout.checkout_timestamp <= click.click_timestamp + look_back
                for checkout in checkouts
            )
            if former and click.click_timestamp - former.click_timestamp > look_back:
                is_open = False
            if is_converted:
                is_open = False
            elif is_open:
                runs[-1].append(click)
            else:
                runs.append([click])
                is_open = True
            former = click
    return runs


def chain_paths(
    paths: Iterable[Path], runs: Iterable[Sequence[Click]], labels: Mapping[str, Labels]
) -> list[PathTotals]:
    converted = Counter(tuple(touch.channel for touch in path.touches) for path in paths if path.touches)
    lost = Counter(tuple(labels[click.click_id].channel for click in run) for run in runs)
    return [
        PathTotals(channels, Fraction(converted[channels]), nulls=Fraction(lost[channels]))
        for channels in converted.keys() | lost.keys()
    ]


def chain_weights(
    paths: Iterable[Path], runs: Sequence[Sequence[Click]], labels: Mapping[str, Labels]
) -> dict[str, dict[tuple[str, str], float]]:
    """Returns the weights of channels and campaigns by model."""
    converting = [path for path in paths if path.touches]
    if not converting:
        return {"markov": {}, "shapley_markov": {}}
    totals = chain_paths(converting, runs, labels)
    touches = Counter(touch.where for path in converting for touch in path.touches)
    touches.update(labels[click.click_id].where for run in runs for click in run)
    of_channel: Counter[str] = Counter()
    for (channel, _), count in touches.items():
        of_channel[channel] += count
    return {
        model: {where: shares[where[0]] * count / of_channel[where[0]] for where, count in touches.items()}
        for model, shares in (("markov", markov(totals)), ("shapley_markov", shapley_markov(totals).shares))
    }
