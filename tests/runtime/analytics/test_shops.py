"""The random shops of the tests have every kind of event that a model could count wrongly."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import Phase, find, settings

from tests.oracle import Checkout, Click, Refund
from tests.runtime.analytics.shops import Shop, shops


def clicks(shop: Shop) -> list[Click]:
    return [event for event in shop.events if isinstance(event, Click)]


def checkouts(shop: Shop) -> list[Checkout]:
    return [event for event in shop.events if isinstance(event, Checkout)]


def pairs(shop: Shop) -> list[tuple[Click, Checkout]]:
    """Returns the clicks with the checkouts of the same user."""
    return [
        (click, checkout) for click in clicks(shop) for checkout in checkouts(shop) if click.user_id == checkout.user_id
    ]


def has_refund(shop: Shop, *, same_currency: bool) -> bool:
    return any(
        isinstance(refund, Refund)
        and refund.checkout_id == checkout.checkout_id
        and (refund.currency == checkout.currency) == same_currency
        for refund in shop.events
        for checkout in checkouts(shop)
    )


def has_late_click(shop: Shop) -> bool:
    return any(
        shop.events.index(click) > shop.events.index(checkout) and click.click_timestamp < checkout.checkout_timestamp
        for click, checkout in pairs(shop)
    )


def is_repeated(shop: Shop, kind: type) -> bool:
    return any(count > 1 for event, count in Counter(shop.events).items() if isinstance(event, kind))


def has_conflict(shop: Shop) -> bool:
    return len({click.click_id for click in clicks(shop)}) < len(set(clicks(shop)))


def has_tie(shop: Shop) -> bool:
    times = {(click.click_timestamp, click.user_id) for click in clicks(shop)}
    return len(times) < len({click.click_id for click in clicks(shop)})


HAZARDS: dict[str, Callable[[Shop], bool]] = {
    "a refund": lambda shop: has_refund(shop, same_currency=True),
    "a refund in another currency": lambda shop: has_refund(shop, same_currency=False),
    "a click that arrives after a later checkout": has_late_click,
    "three currencies": lambda shop: len({checkout.currency for checkout in checkouts(shop)}) == 3,
    "a robot": lambda shop: any(click.is_bot for click in clicks(shop)),
    "a repeated click": lambda shop: is_repeated(shop, Click),
    "a repeated checkout": lambda shop: is_repeated(shop, Checkout),
    "a click id with other content": has_conflict,
    "clicks of a user at the same time": has_tie,
    "a click at the time of the checkout": lambda shop: any(
        click.click_timestamp == checkout.checkout_timestamp for click, checkout in pairs(shop)
    ),
    "a click an hour before the checkout": lambda shop: any(
        (checkout.checkout_timestamp - click.click_timestamp).total_seconds() == 3600 for click, checkout in pairs(shop)
    ),
    "a revision": lambda shop: any(checkout.revision for checkout in checkouts(shop)),
    "a cancellation": lambda shop: any(checkout.cancelled for checkout in checkouts(shop)),
    "a test order": lambda shop: any(checkout.test for checkout in checkouts(shop)),
    "two months": lambda shop: len({checkout.checkout_timestamp.month for checkout in checkouts(shop)}) == 2,
}


@pytest.mark.parametrize("hazard", HAZARDS)
def test_a_shop_can_have(hazard: str) -> None:
    # Raises NoSuchExample without one.
    find(shops(), HAZARDS[hazard], settings=settings(max_examples=500, database=None, phases=[Phase.generate]))
