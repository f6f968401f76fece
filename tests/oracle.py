"""The attribution rule in its simplest form. Tests compare every implementation with it."""

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
    """Returns the id of the credited click, or null, by checkout id."""
    all_clicks = list(clicks)
    return {checkout.checkout_id: _first_click(all_clicks, checkout) for checkout in checkouts}


def _first_click(clicks: list[Click], checkout: Checkout) -> str | None:
    candidates = [
        click
        for click in clicks
        if click.user_id == checkout.user_id
        and checkout.checkout_timestamp - timedelta(hours=1) <= click.click_timestamp <= checkout.checkout_timestamp
    ]
    return min(candidates).click_id if candidates else None
