"""The rule, as plainly as it can be said: what every implementation is compared with."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, order=True)
class Click:
    click_timestamp: datetime
    click_id: str
    user_id: str


@dataclass(frozen=True)
class Checkout:
    checkout_timestamp: datetime
    checkout_id: str
    user_id: str


def first_clicks(clicks: Iterable[Click], checkouts: Iterable[Checkout]) -> dict[str, str | None]:
    """For each checkout's id the id of the click that it is credited to."""
    known = list(clicks)
    return {checkout.checkout_id: _first_click(known, checkout) for checkout in checkouts}


def _first_click(clicks: list[Click], checkout: Checkout) -> str | None:
    candidates = [
        click
        for click in clicks
        if click.user_id == checkout.user_id
        and checkout.checkout_timestamp - timedelta(hours=1) <= click.click_timestamp <= checkout.checkout_timestamp
    ]
    return min(candidates).click_id if candidates else None
