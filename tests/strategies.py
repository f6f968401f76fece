"""Strategies for small shops with many edge cases: few users, equal times, times at the edges of the window."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.oracle import Checkout, Click

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
