"""Small shops in which everything that can coincide does: few users, times on the edges of the window, ties."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from tests.oracle import Checkout, Click

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = 3_600_000
# Distances in ms between events: nothing, one tick, and the attribution window's edge from both sides.
OFFSETS = [0, 1, HOUR - 1, HOUR, HOUR + 1, 1000, 60_000, 2 * HOUR]


def times() -> st.SearchStrategy[datetime]:
    on_edges = st.lists(st.sampled_from(OFFSETS), max_size=3).map(sum)
    anywhere = st.integers(0, 3 * HOUR)
    return (on_edges | anywhere).map(lambda ms: NOON + timedelta(milliseconds=ms))


def users() -> st.SearchStrategy[str]:
    return st.sampled_from(["u1", "u2", "ü3"])


def shop(most: int = 12) -> st.SearchStrategy[tuple[list[Click], list[Checkout]]]:
    """Clicks and checkouts with distinct ids, which sort unlike their times, and bytes unlike their locale."""
    clicks = st.lists(st.tuples(times(), users()), max_size=most)
    checkouts = st.lists(st.tuples(times(), users()), max_size=most)
    marks = st.permutations(["a", "B", "c", "Ä", "_", "0", "9", "z", "Z", "ß", "-", "é"])
    return st.builds(
        lambda clicks, checkouts, marks: (
            [Click(at, f"c{mark}", user) for (at, user), mark in zip(clicks, marks, strict=False)],
            [Checkout(at, f"k{mark}", user) for (at, user), mark in zip(checkouts, marks, strict=False)],
        ),
        clicks,
        checkouts,
        marks,
    )
