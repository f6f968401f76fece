"""The rules of attribution and of corrections in their simplest form. Tests compare every implementation with them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal


@dataclass(frozen=True, order=True)
class Click:
    click_timestamp: datetime
    click_id: str
    user_id: str
    is_bot: bool = False


@dataclass(frozen=True)
class Checkout:
    checkout_timestamp: datetime
    checkout_id: str
    user_id: str
    amount: str = "1.50"
    currency: str = "EUR"
    payment_method: str | None = None
    revision: int = 0
    cancelled: bool = False
    test: bool = False


@dataclass(frozen=True)
class Refund:
    refund_timestamp: datetime
    refund_id: str
    checkout_id: str
    amount: str = "1.00"
    currency: str = "EUR"
    user_id: str = "u1"


Event = Click | Checkout | Refund


def event_id(event: Event) -> tuple[str, str]:
    """Returns the kind and the id of an event."""
    if isinstance(event, Click):
        return "click", event.click_id
    return ("checkout", event.checkout_id) if isinstance(event, Checkout) else ("refund", event.refund_id)


def first_clicks(clicks: Iterable[Click], checkouts: Iterable[Checkout]) -> dict[str, str | None]:
    """Returns the id of the credited click, or null, by checkout id."""
    all_clicks = list(clicks)
    return {checkout.checkout_id: _first_click(all_clicks, checkout) for checkout in checkouts}


def _first_click(clicks: list[Click], checkout: Checkout) -> str | None:
    candidates = [
        click
        for click in clicks
        if click.user_id == checkout.user_id
        and not click.is_bot
        and checkout.checkout_timestamp - timedelta(hours=1) <= click.click_timestamp <= checkout.checkout_timestamp
    ]
    return min(candidates).click_id if candidates else None


def standing_events(received: Iterable[Event]) -> dict[tuple[str, str], Event]:
    """Returns the events that stand after those of `received`, in the order of their arrival, by kind and id.

    The first event of an id stands. A checkout of a higher revision replaces the content of a lower one, but not its
    user and time. A cancellation stays.
    """
    standing: dict[tuple[str, str], Event] = {}
    for event in received:
        former = standing.setdefault(event_id(event), event)
        if isinstance(event, Checkout) and isinstance(former, Checkout):
            latest = event if event.revision > former.revision else former
            standing[event_id(event)] = replace(
                latest,
                user_id=former.user_id,
                checkout_timestamp=former.checkout_timestamp,
                cancelled=former.cancelled or event.cancelled,
            )
    return standing


def conflicts(received: Iterable[Event]) -> set[Event]:
    """Returns the events that differ from the one that stood under their id and revision when they arrived."""
    found = set()
    seen: list[Event] = []
    for event in received:
        former = standing_events(seen).get(event_id(event), event)
        if isinstance(event, Checkout) and isinstance(former, Checkout):
            # A cancellation is no other content, and a revision does not change user and time.
            former = replace(former, cancelled=event.cancelled)
            if event.revision > 0:
                former = replace(former, user_id=event.user_id, checkout_timestamp=event.checkout_timestamp)
            if event.revision != former.revision:
                former = event
        if event != former:
            found.add(replace(event, cancelled=False) if isinstance(event, Checkout) else event)
        seen.append(event)
    return found


def refunded_amounts(checkout: Checkout, refunds: Iterable[Refund]) -> tuple[Decimal, Decimal]:
    """Returns what the refunds and a cancellation take from a checkout, and the sum of refunds beyond its amount."""
    amount = Decimal(checkout.amount)
    total = sum(
        (
            Decimal(refund.amount)
            for refund in refunds
            if (refund.checkout_id, refund.currency) == (checkout.checkout_id, checkout.currency)
        ),
        Decimal(0),
    )
    return amount if checkout.cancelled else min(amount, total), max(total - amount, Decimal(0))


def orders(checkouts: Iterable[Checkout]) -> dict[str, tuple[int, Decimal]]:
    """Returns the number and the value of each user's orders, without test orders."""
    totals: dict[str, tuple[int, Decimal]] = {}
    for checkout in checkouts:
        count, value = totals.get(checkout.user_id, (0, Decimal(0)))
        real = not checkout.test
        totals[checkout.user_id] = (count + real, value + (Decimal(checkout.amount) if real else 0))
    return totals
