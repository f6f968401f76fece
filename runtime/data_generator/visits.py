"""Visits of shoppers and robots: who comes, by which channel, and when they click and buy."""

import random
from collections.abc import Iterator
from typing import NamedTuple

from runtime.data_generator import senders, shop
from runtime.data_generator.senders import Sender
from runtime.data_generator.settings import Settings

CLICKS = (1, 2, 3, 4, 5, 8, 12, 20)
CLICKS_WEIGHTS = (30, 20, 15, 10, 10, 8, 5, 2)
PURCHASES = (1, 2, 3)
PURCHASES_WEIGHTS = (82, 15, 3)
# Visits of untracked users per visit of a tracked user. Untracked visits always buy: a tenth of the checkouts.
UNTRACKED_VISITS = 0.04


class Visit(NamedTuple):
    """One session of a shopper, with its numbers of clicks and purchases."""

    shopper: shop.Shopper
    channel: shop.Channel
    sender: Sender
    clicks: int
    purchases: int


def visits(settings: Settings, rng: random.Random) -> Iterator[Visit]:
    """Yields visits with `settings.clicks` clicks in total, those of robots included.

    A robot comes under a shopper's user id, as the link scanners of mail programs and messengers do. It never buys.
    """
    clicks_left = settings.clicks
    while clicks_left:
        shopper = shop.shopper(settings.seed, shop.tracked_user(settings.users, rng))
        channel = shop.arrival_channel(shopper, rng)
        sender = senders.draw(settings, rng)
        clicks = min(clicks_left, rng.choices(CLICKS, CLICKS_WEIGHTS)[0])
        clicks_left -= clicks
        buys = rng.random() < channel.conversion and not sender.robot
        yield Visit(_known_to(sender, shopper), channel, sender, clicks, _purchases(rng) if buys else 0)
        if settings.users >= shop.UNTRACKED_EVERY and rng.random() < UNTRACKED_VISITS:
            shopper = shop.shopper(settings.seed, shop.untracked_user(settings.users, rng))
            sender = senders.draw(settings, rng)._replace(robot={})
            yield Visit(_known_to(sender, shopper), shopper.home_channel, sender, 0, _purchases(rng))


def timeline(visit: Visit, start: int, end: int, rng: random.Random) -> list[tuple[int, bool]]:
    """Returns the visit's steps in time order, as (milliseconds since 1970, True for a click, False for a purchase).

    Some purchases are followed by clicks. A tracked user's first step is always a click.
    """
    steps = [True] * visit.clicks
    for _ in range(visit.purchases):
        early = rng.random() < 0.3
        steps.insert(rng.randint(min(1, visit.clicks), len(steps)) if early else len(steps), False)
    length = min(end - start, int(len(steps) * rng.uniform(2_000, 20_000)))
    first = start + int((end - start - length) * rng.random())
    times = sorted(first + int(length * rng.random()) for _ in steps)
    return list(zip(times, steps, strict=True))


def _known_to(sender: Sender, shopper: shop.Shopper) -> shop.Shopper:
    """Returns the shopper under the id that the sender's system has for them."""
    return shopper._replace(user_id=senders.number_of(shopper.user_id)) if sender.numeric_ids else shopper


def _purchases(rng: random.Random) -> int:
    return rng.choices(PURCHASES, PURCHASES_WEIGHTS)[0]
