"""Random shops of some months for the tests of the segments, and the purchases that the segments see of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random

import psycopg
from hypothesis import strategies as st

from runtime.analytics.refresh import refresh
from runtime.analytics.segments.purchases import Purchase
from runtime.analytics.segments.refreshing import refresh_segments
from tests.oracle import Checkout, Event, Refund, refunded_amounts, standing_events

FIRST_DAY = date(2025, 3, 3)
# A rate of JPY is missing before this day, and KWD has none.
JPY_SINCE = date(2025, 4, 1)
JPY = Decimal("0.0061")


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@st.composite
def shops(draw: st.DrawFn) -> list[Event]:
    """Draws checkouts of seven users in seventy days, with cancelled and test orders, and refunds."""
    events: list[Event] = []
    for number in range(draw(st.integers(0, 25))):
        at = noon(FIRST_DAY) + timedelta(days=draw(st.integers(0, 69)), hours=draw(st.sampled_from([-12, 0, 11])))
        currency = draw(st.sampled_from(["EUR", "EUR", "EUR", "JPY", "KWD"]))
        amount = draw(st.sampled_from(["10.00", "20.50", "0.00", "7.25"]))
        kind = draw(st.sampled_from(["", "", "", "", "cancelled", "test"]))
        user = draw(st.sampled_from([f"u{name}" for name in range(7)]))
        events.append(
            Checkout(at, f"k{number}", user, amount, currency, cancelled=kind == "cancelled", test=kind == "test")
        )
        if draw(st.integers(0, 4)) == 0:
            events.append(Refund(at + timedelta(days=3), f"r{number}", f"k{number}", "8.00", currency, user_id=user))
    return events


def loyal_shop(customers: int) -> list[Event]:
    """Returns the checkouts of customers who buy at rates of their own within forty weeks, in EUR."""
    random = Random(19)
    events: list[Event] = []
    for customer in range(customers):
        day, mean = random.randrange(200), random.uniform(20, 80)
        gap = random.choice([5, 15, 40, 100])
        while day < 280:
            amount = f"{random.gammavariate(6, mean / 6):.2f}"
            at = noon(FIRST_DAY + timedelta(days=day))
            events.append(Checkout(at, f"k{len(events)}", f"u{customer}", amount))
            day += 1 + int(random.expovariate(1 / gap))
            if random.random() < 0.1:
                break
    return events


def purchases_of(events: Iterable[Event]) -> tuple[list[Purchase], set[str]]:
    """Returns the purchases at net amounts in EUR, and the customers with one that no rate converts."""
    standing = standing_events(events).values()
    refunds = [event for event in standing if isinstance(event, Refund)]
    purchases, unknown = [], set()
    for checkout in standing:
        if not isinstance(checkout, Checkout) or checkout.test:
            continue
        day = checkout.checkout_timestamp.date()
        rates: Mapping[str, Decimal] = {"EUR": Decimal(1)} | ({"JPY": JPY} if day >= JPY_SINCE else {})
        if checkout.currency not in rates:
            unknown.add(checkout.user_id)
        net = Decimal(checkout.amount) - refunded_amounts(checkout, refunds)[0]
        purchases.append(Purchase(checkout.user_id, day, net * rates.get(checkout.currency, Decimal())))
    return purchases, unknown


def compute(refresher: psycopg.Connection, today: date) -> None:
    """Brings the paths up to date, and then the segments as of `today`."""
    refresh(refresher)
    compute_segments(refresher, today)


def compute_segments(refresher: psycopg.Connection, today: date) -> None:
    with refresher.transaction(), refresher.cursor() as cursor:
        cursor.execute("set local timezone = 'UTC'")
        refresh_segments(cursor, noon(today))
