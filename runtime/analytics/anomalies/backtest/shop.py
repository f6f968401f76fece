"""Generated days of a shop without incidents: expected rates by minute, and the counts drawn from them."""

from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from runtime.analytics.anomalies.series import Floats

MINUTES = 1_440
MONDAY = 1_767_571_200.0  # 2026-01-05T00:00:00Z
CHANNELS = {
    "Paid Search": (0.28, 0.030),
    "Organic Search": (0.22, 0.028),
    "Direct": (0.18, 0.035),
    "Paid Social": (0.12, 0.012),
    "Email": (0.10, 0.040),
    "Referral": (0.06, 0.020),
    "Affiliates": (0.04, 0.025),
}
CLICKS_A_MINUTE = 30.0
ORDER_VALUE, ORDER_SPREAD = 70.0, 0.8  # mean; standard deviation of the logarithm
UNATTRIBUTED, DEAD_LETTERS, LATE = 0.12, 0.002, 0.01
WEEKDAYS = (1.0, 0.98, 0.97, 0.99, 0.95, 0.82, 0.95)
# Share of the busiest hour, by hour of the day.
WEEKDAY_HOURS = (18, 11, 8, 6, 6, 9, 18, 34, 50, 62, 68, 72, 78, 74, 70, 70, 72, 76, 84, 94, 100, 96, 72, 40)
WEEKEND_HOURS = (26, 18, 12, 9, 7, 7, 10, 18, 34, 54, 72, 84, 88, 88, 86, 86, 88, 90, 92, 96, 98, 90, 66, 42)


@dataclass
class Rates:
    """Expected numbers by minute, which incidents change in place. Clicks and conversion: by channel and minute."""

    clicks: Floats
    conversion: Floats
    order_value: Floats
    unattributed: Floats
    late: Floats
    dead_letters: Floats
    # Parts of the events that arrive.
    clicks_kept: Floats
    checkouts_kept: Floats
    is_sale: NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True)
class Counts:
    """Numbers by minute; `clicks` and `attributed` by channel and minute."""

    clicks: Floats
    attributed: Floats
    unattributed: Floats
    revenue: Floats
    late: Floats
    dead_letters: Floats


def normal_rates(days: int, random: Generator) -> Rates:
    """Returns the rates of days with weekends, nights, growth, newsletters, sales and moods of the customers."""
    minutes = days * MINUTES
    channels = np.array(list(CHANNELS.values()))
    traffic, conversion, value, mix, is_sale = _sales(days, random)
    traffic *= _season(days) * 1.002 ** (np.arange(minutes) / MINUTES)
    traffic *= _mood(days, 0.05, random) * _fluctuation(minutes, 0.05, random)
    clicks = np.empty((len(channels), minutes))
    rates = np.empty_like(clicks)
    for row, (share, rate) in enumerate(channels):
        clicks[row] = (
            CLICKS_A_MINUTE * share * traffic * _mood(days, 0.05, random) * _fluctuation(minutes, 0.04, random)
        )
        rates[row] = rate * conversion * _mood(days, 0.04, random)
    names = list(CHANNELS)
    clicks[names.index("Email")] *= _newsletters(days, random)
    for name in ("Email", "Paid Search", "Paid Social"):
        clicks[names.index(name)] *= mix
    rates *= _mood(days, 0.04, random) * _fluctuation(minutes, 0.04, random)
    ones = np.ones(minutes)
    return Rates(
        clicks=clicks,
        conversion=rates,
        order_value=ORDER_VALUE * value * _mood(days, 0.03, random),
        unattributed=UNATTRIBUTED * _mood(days, 0.05, random),
        late=LATE * _mood(days, 0.1, random) * _fluctuation(minutes, 0.15, random),
        dead_letters=DEAD_LETTERS * _mood(days, 0.1, random),
        clicks_kept=ones.copy(),
        checkouts_kept=ones.copy(),
        is_sale=is_sale,
    )


def draw(rates: Rates, bots: Floats, random: Generator) -> Counts:
    """Draws the counts. `bots`: expected clicks of robots, by channel and minute, which buy nothing."""
    clicks = random.poisson((rates.clicks + bots) * rates.clicks_kept).astype(float)
    checkouts = random.poisson(rates.clicks * rates.conversion * rates.checkouts_kept).astype(float)
    # A checkout whose click was lost has no channel.
    known = (1 - rates.unattributed) * rates.clicks_kept
    attributed = random.binomial(checkouts.astype(np.int64), np.clip(known, 0, 1)).astype(float)
    orders = checkouts.sum(axis=0)
    revenue = _order_values(orders.astype(np.int64), random) * rates.order_value
    events = (clicks.sum(axis=0) + orders).astype(np.int64)
    return Counts(
        clicks=clicks,
        attributed=attributed,
        unattributed=orders - attributed.sum(axis=0),
        revenue=revenue,
        late=random.binomial(events, np.clip(rates.late, 0, 1)).astype(float),
        dead_letters=random.poisson(events * rates.dead_letters).astype(float),
    )


def _order_values(orders: NDArray[np.int64], random: Generator) -> Floats:
    """Returns the sum of each minute's order values, which are log-normal with a mean of 1."""
    values = np.exp(random.normal(-(ORDER_SPREAD**2) / 2, ORDER_SPREAD, int(orders.sum())))
    return np.bincount(np.repeat(np.arange(len(orders)), orders), values, len(orders)).astype(np.float64)


def _season(days: int) -> Floats:
    """Returns the shop's week: the mean of a weekday's minutes is about 1."""
    hours = np.arange(24) + 0.5
    around = np.concatenate([hours - 24, hours, hours + 24])
    minutes = (np.arange(MINUTES) + 0.5) / 60
    weekday, weekend = (
        np.interp(minutes, around, np.tile(np.array(shares, dtype=float), 3))
        for shares in (WEEKDAY_HOURS, WEEKEND_HOURS)
    )
    week = [(weekend if day % 7 >= 5 else weekday) * WEEKDAYS[day % 7] for day in range(days)]
    return np.asarray(np.concatenate(week) / weekday.mean())


def _mood(days: int, spread: float, random: Generator) -> Floats:
    """Returns a factor that differs from day to day and changes smoothly."""
    noons = np.exp(random.normal(0, spread, days + 2))
    return np.interp(np.arange(days * MINUTES) / MINUTES, np.arange(days + 2) - 0.5, noons)


def _fluctuation(minutes: int, spread: float, random: Generator) -> Floats:
    """Returns a factor that remembers about an hour: autoregressive in steps of 10 minutes."""
    steps = minutes // 10 + 2
    memory = np.exp(-10 / 60)
    noise = random.normal(0, spread * np.sqrt(1 - memory**2), steps)
    state = np.empty(steps)
    state[0] = random.normal(0, spread)
    for step in range(1, steps):
        state[step] = memory * state[step - 1] + noise[step]
    return np.interp(np.arange(minutes) / 10, np.arange(steps), np.exp(state))


def _newsletters(days: int, random: Generator) -> Floats:
    """Returns the factor of Email: a newsletter on Tuesdays and Thursdays, at about nine, for two hours."""
    factor = np.ones(days * MINUTES)
    for day in range(days):
        if day % 7 in (1, 3):
            begin = day * MINUTES + 540 + int(random.integers(-20, 20))
            after = np.arange(min(240, len(factor) - begin))
            factor[begin : begin + len(after)] += random.uniform(1.5, 4) * np.exp(-after / 50)
    return factor


def _sales(days: int, random: Generator) -> tuple[Floats, Floats, Floats, Floats, NDArray[np.bool_]]:
    """Returns the factors of sales on traffic, conversion, order value and advertised channels, and when they are.

    A sale about every two weeks, of six hours to three days. It begins within minutes, and a weaker day follows.
    """
    minutes = days * MINUTES
    traffic, conversion, value, mix = (np.ones(minutes) for _ in range(4))
    is_sale = np.zeros(minutes, dtype=bool)
    begin = int(random.integers(5 * MINUTES, 14 * MINUTES))
    while begin < minutes:
        end = begin + int(random.choice([360, 720, MINUTES, 2 * MINUTES, 3 * MINUTES]))
        ramp = np.minimum(1.0, np.arange(min(end, minutes) - begin) / random.uniform(10, 120))
        for factor, strength in (
            (traffic, random.uniform(1.4, 3.0)),
            (conversion, random.uniform(0.95, 1.4)),
            (value, random.uniform(0.8, 0.95)),
            (mix, random.uniform(1.0, 1.5)),
        ):
            factor[begin:end] *= 1 + (strength - 1) * ramp
        is_sale[begin:end] = True
        traffic[end : end + MINUTES] *= random.uniform(0.85, 0.95)
        begin = end + int(random.integers(7 * MINUTES, 18 * MINUTES))
    return traffic, conversion, value, mix, is_sale
