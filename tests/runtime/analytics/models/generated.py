"""Aggregated paths for tests, written short or generated."""

from fractions import Fraction

from hypothesis import strategies as st

from runtime.analytics.models.path_totals import PathTotals

CHANNELS = ("a", "b", "c", "Direct")


def path(channels: str, conversions: int = 0, nulls: int = 0, value: int = 0) -> PathTotals:
    """Returns a path from text like "a > b"."""
    return PathTotals(tuple(channels.split(" > ")), Fraction(conversions), Fraction(value), Fraction(nulls))


def path_totals() -> st.SearchStrategy[list[PathTotals]]:
    """Returns lists of paths with repeated channels, repeated paths, and zeros of every kind. Values are in cents."""
    conversions = st.integers(0, 9)
    values = st.integers(0, 100_000)
    one = st.builds(
        lambda channels, conversions, cents, nulls: PathTotals(
            tuple(channels),
            Fraction(conversions),
            Fraction(cents if conversions else 0, 100),
            Fraction(nulls),
        ),
        st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=6),
        conversions,
        values,
        st.integers(0, 9),
    )
    return st.lists(one, max_size=8)
