"""The attribution rule, recomputed."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TypeAlias

from local.reconciliation.contract import Event

WINDOW = timedelta(hours=1)

Click: TypeAlias = tuple[datetime, str]  # (click_timestamp, click_id): the smallest candidate is the first click


def credit(checkouts: Iterable[Event], clicks: Iterable[Event]) -> dict[str, Click | None]:
    """Returns, by checkout_id, the first click of the same user in the hour before the checkout, or None.

    Both ends of the hour are included. A robot's click gets no credit.
    """
    by_user: defaultdict[str, list[Click]] = defaultdict(list)
    for click in clicks:
        if not click.is_bot:
            by_user[click.user_id].append((click.at, click.id))
    for candidates in by_user.values():
        candidates.sort()
    credited: dict[str, Click | None] = {}
    for checkout in checkouts:
        candidates = by_user.get(checkout.user_id, [])
        first = bisect_left(candidates, (checkout.at - WINDOW, ""))
        is_credited = first < len(candidates) and candidates[first][0] <= checkout.at
        credited[checkout.id] = candidates[first] if is_credited else None
    return credited
