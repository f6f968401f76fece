"""Strategies for small shops with many edge cases: few users, equal times, times at the edges of the window."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.oracle import Checkout, Click, Event, Refund

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3_600_000
# Distances between events in ms: zero, one tick, both sides of the window's edge, and others.
OFFSETS = [0, 1, HOUR - 1, HOUR, HOUR + 1, 1000, 60_000, 2 * HOUR]


def times() -> st.SearchStrategy[datetime]:
    on_edges = st.lists(st.sampled_from(OFFSETS), max_size=3).map(sum)
    anywhere = st.integers(0, 3 * HOUR)
    return (on_edges | anywhere).map(lambda ms: NOON + timedelta(milliseconds=ms))


def users() -> st.SearchStrategy[str]:
    return st.sampled_from(["u1", "u2", "ü3"])


def shop(max_size: int = 12) -> st.SearchStrategy[tuple[list[Click], list[Checkout]]]:
    """Returns lists of clicks and of checkouts, each with distinct ids.

    The order of ids differs from the order of times, and the byte order of ids differs from a locale's order.
    """
    clicks = st.lists(st.tuples(times(), users()), max_size=max_size)
    checkouts = st.lists(st.tuples(times(), users()), max_size=max_size)
    suffixes = st.permutations(["a", "B", "c", "Ä", "_", "0", "9", "z", "Z", "ß", "-", "é"])
    return st.builds(
        lambda clicks, checkouts, suffixes: (
            [Click(at, f"c{suffix}", user) for (at, user), suffix in zip(clicks, suffixes, strict=False)],
            [Checkout(at, f"k{suffix}", user) for (at, user), suffix in zip(checkouts, suffixes, strict=False)],
        ),
        clicks,
        checkouts,
        suffixes,
    )


AMOUNTS = st.sampled_from(["0.01", "1.50", "3.0000", "999999999999999.9999"])
CURRENCIES = st.sampled_from(["EUR", "JPY"])


def versions(checkout: Checkout) -> st.SearchStrategy[Checkout]:
    """Draws an event under the id of a checkout: a revision, a cancellation, a conflict, or an exact copy."""
    fields = {
        "user_id": users(),
        "checkout_timestamp": times(),
        "amount": AMOUNTS,
        "currency": CURRENCIES,
        "payment_method": st.sampled_from(["card", "", None]),
        "revision": st.integers(0, 2),
        "cancelled": st.booleans(),
        "test": st.booleans(),
    }
    changes = st.fixed_dictionaries({}, optional=fields)
    return changes.map(lambda change: Checkout(**vars(checkout) | change))


@st.composite
def corrected_shop(draw: st.DrawFn) -> list[Event]:
    """Draws the events of a shop with robots, revised and cancelled orders, refunds, and ids that are used twice."""
    clicks, checkouts = draw(shop(max_size=4))
    events: list[Event] = [replace(click, is_bot=draw(st.booleans())) for click in clicks]
    events += [replace(click, user_id=draw(users())) for click in clicks if draw(st.integers(0, 3)) == 0]
    for checkout in checkouts:
        events += draw(st.lists(versions(checkout), min_size=1, max_size=4))
    checkout_ids = st.sampled_from([*(checkout.checkout_id for checkout in checkouts), "unknown"])
    for number in draw(st.lists(st.integers(0, 4), max_size=4)):
        events.append(Refund(draw(times()), f"r{number}", draw(checkout_ids), draw(AMOUNTS), draw(CURRENCIES)))
    return events
