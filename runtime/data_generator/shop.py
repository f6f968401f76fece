"""Channels, products and shoppers of the simulated shop."""

import hashlib
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple


class Channel(NamedTuple):
    """A marketing channel. Direct traffic has no utm values.

    Attributes:
        traffic: the channel's share of the visits.
        conversion: probability that a visit ends in a purchase.
        referrer: the page that visitors come from. Direct visits and mail programs name none.
    """

    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    traffic: float
    conversion: float
    referrer: str | None = None


CHANNELS = (
    Channel(None, None, None, 0.20, 0.34),
    Channel("google", "organic", None, 0.25, 0.28, "https://www.google.com/"),
    Channel("google", "cpc", "brand-search", 0.18, 0.36, "https://www.google.com/"),
    Channel("facebook", "paid_social", "retargeting", 0.15, 0.20, "https://l.facebook.com/"),
    Channel("newsletter", "email", "weekly-digest", 0.10, 0.45),
    Channel("tiktok", "paid_social", "summer-launch", 0.08, 0.12, "https://www.tiktok.com/"),
    Channel("partner-blog", "affiliate", "reviews", 0.04, 0.30, "https://partner-blog.example/reviews/best-of"),
)
_TRAFFIC = tuple(channel.traffic for channel in CHANNELS)


class Product(NamedTuple):
    """A product of the catalogue. Its price is the same number in every currency."""

    product_id: str
    price: Decimal


# Prices from 4.99 to 198.99. 37 and 195 are coprime, so neighbouring products differ in price.
PRODUCTS = tuple(
    Product(f"product-{number:04d}", Decimal(5 + number * 37 % 195) - Decimal("0.01")) for number in range(400)
)

DEVICES = ("mobile", "desktop", "tablet")
CURRENCIES = ("USD", "EUR", "GBP", "CAD", "AUD")
PAYMENT_METHODS = ("card", "paypal", "apple_pay", "google_pay", "bank_transfer")

# The shop tests its checkout page on half of its users. Both variants sell the same.
EXPERIMENT = "one-page-checkout"
VARIANTS = (None, "control", "treatment")

# Every twentieth user blocks tracking: their checkouts are recorded, their clicks are not.
UNTRACKED_EVERY = 20


class Shopper(NamedTuple):
    """A user, with the traits that are the same in every visit.

    Attributes:
        variant: the variant of EXPERIMENT that the user sees; null for a user who is not in it.
    """

    user_id: str
    device: str
    home_channel: Channel
    currency: str
    payment_method: str
    variant: str | None


def shopper(seed: int, number: int) -> Shopper:
    """Returns user `number` of the population that `seed` determines."""
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    traits = random.Random(int.from_bytes(digest[:8]))  # noqa: S311 - a simulation, not a secret
    return Shopper(
        user_id=f"user-{number:06d}",
        device=traits.choices(DEVICES, (60, 33, 7))[0],
        home_channel=traits.choices(CHANNELS, _TRAFFIC)[0],
        currency=traits.choices(CURRENCIES, (40, 30, 15, 10, 5))[0],
        payment_method=traits.choices(PAYMENT_METHODS, (50, 25, 12, 8, 5))[0],
        variant=traits.choices(VARIANTS, (50, 25, 25))[0],
    )


def tracked_user(users: int, rng: random.Random) -> int:
    """Returns the number of a random user whose clicks are recorded. Every population has at least one."""
    position = rng.randrange(users - users // UNTRACKED_EVERY)
    return position + position // (UNTRACKED_EVERY - 1)


def untracked_user(users: int, rng: random.Random) -> int:
    """Returns the number of a random user who blocks tracking. `users` must be at least UNTRACKED_EVERY."""
    return rng.randrange(users // UNTRACKED_EVERY) * UNTRACKED_EVERY + UNTRACKED_EVERY - 1


def arrival_channel(visitor: Shopper, rng: random.Random) -> Channel:
    """Returns the channel of one visit: in most visits the shopper's home channel."""
    return visitor.home_channel if rng.random() < 0.6 else rng.choices(CHANNELS, _TRAFFIC)[0]


def browse(rng: random.Random) -> Product:
    """Returns a random product to view. Products early in the catalogue are more popular."""
    return PRODUCTS[int(len(PRODUCTS) * rng.random() ** 2)]


def fill_basket(viewed: Sequence[Product], rng: random.Random) -> dict[Product, int]:
    """Returns the quantity of each bought product: the last two viewed ones, or a random product if none was viewed."""
    bought = viewed[-2:] or [browse(rng)]
    return {product: rng.choices((1, 2, 3), (80, 15, 5))[0] for product in dict.fromkeys(bought)}
