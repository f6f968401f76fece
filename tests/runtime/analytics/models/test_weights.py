"""The weights of a path's touches: known answers, and sums of exactly 1."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.analytics.models import weights
from runtime.analytics.models.allocation import allocate
from runtime.analytics.models.shapley import shapley

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
AGES = st.lists(st.timedeltas(timedelta(0), timedelta(days=2000)), min_size=1, max_size=40)
CHANNELS = st.lists(st.sampled_from(["a", "b", "Direct"]), min_size=1, max_size=12)


def tenths(*numbers: int) -> list[Fraction]:
    return [Fraction(number, 10) for number in numbers]


def test_first_and_last_touch_give_all_to_one_touch() -> None:
    assert weights.first_touch(3) == [1, 0, 0]
    assert weights.last_touch(3) == [0, 0, 1]
    assert weights.first_touch(1) == weights.last_touch(1) == [1]


def test_last_non_direct_skips_direct_touches_at_the_end() -> None:
    assert weights.last_non_direct(["Email", "Search", "Direct", "Direct"]) == [0, 1, 0, 0]


def test_last_non_direct_is_the_last_touch_when_all_are_direct() -> None:
    assert weights.last_non_direct(["Direct", "Direct"]) == [0, 1]


@pytest.mark.parametrize("channel", ["Direct", "direct", "DIRECT", "(direct)", "(Direct)", "(direct) / (none)"])
def test_direct_traffic_is_known_by_its_names(channel: str) -> None:
    assert weights.is_direct(channel)


@pytest.mark.parametrize("channel", ["Direct Mail", "directory", "indirect", "(none)", ""])
def test_other_channels_are_not_direct_traffic(channel: str) -> None:
    assert not weights.is_direct(channel)


def test_linear_divides_equally() -> None:
    assert weights.linear(4) == [Fraction(1, 4)] * 4


def test_time_decay_halves_with_each_week() -> None:
    decayed = weights.time_decay([38 * DAY, 33 * DAY, 26 * DAY, 8 * DAY, 0 * DAY], WEEK)
    # Rounded one by one, the credits lose a unit: 11,999. Allocated, they do not.
    assert [round(12_000 * weight) for weight in decayed] == [175, 287, 575, 3_417, 7_545]
    assert allocate(12_000, decayed) == [175, 287, 575, 3_417, 7_546]


def test_time_decay_follows_its_formula() -> None:
    ages = [38, 33, 26, 8, 0]
    total = sum(2 ** (-age / 7) for age in ages)
    expected = [2 ** (-age / 7) / total for age in ages]
    assert weights.time_decay([age * DAY for age in ages], WEEK) == pytest.approx(expected, abs=1e-9)


def test_time_decay_divides_equally_among_touches_of_the_same_moment() -> None:
    assert weights.time_decay([5 * DAY] * 3, WEEK) == weights.linear(3)


def test_time_decay_of_an_old_path_still_divides_all() -> None:
    decayed = weights.time_decay([2001 * DAY, 2000 * DAY], timedelta(hours=1))
    assert decayed == pytest.approx([2**-24, 1], rel=1e-4)


@pytest.mark.parametrize(
    ("look_back", "half_life"),
    [
        (90 * DAY, WEEK),
        (30 * DAY, WEEK),
        (28 * DAY, WEEK),
        (20 * DAY, 5 * DAY),
        (timedelta(hours=1), timedelta(minutes=15)),
    ],
)
def test_the_half_life_is_a_week_or_a_quarter_of_a_short_window(look_back: timedelta, half_life: timedelta) -> None:
    assert weights.half_life_of(look_back) == half_life


@pytest.mark.parametrize(
    ("touches", "expected"),
    [(1, tenths(10)), (2, tenths(5, 5)), (3, tenths(4, 2, 4)), (4, tenths(4, 1, 1, 4))],
)
def test_position_based_gives_the_ends_most(touches: int, expected: list[Fraction]) -> None:
    assert weights.position_based(touches) == expected


def test_position_based_of_140_euros_over_three_touches() -> None:
    assert allocate(140_00, weights.position_based(3)) == [56_00, 28_00, 56_00]


@pytest.mark.parametrize(
    ("in_order", "expected"),
    [
        ("-x-", tenths(3 + 0, 3, 3)),  # No others: divided by 0.9.
        ("--x--", [*tenths(3), Fraction(1, 20), *tenths(3), Fraction(1, 20), *tenths(3)]),
        ("-xx-", tenths(3, 3, 1, 3)),  # Only the first touch of a product in the order is a milestone.
        ("x--", tenths(6, 1, 3)),
        ("--x", tenths(3, 1, 6)),
        ("x-", tenths(6, 3)),
        ("-x", tenths(3, 6)),
        ("x", tenths(9)),
        ("---", tenths(4, 2, 4)),  # No touch of a product in the order: position-based.
        ("-", tenths(10)),
    ],
)
def test_w_shaped_adds_up_milestones(in_order: str, expected: list[Fraction]) -> None:
    result = weights.w_shaped([mark == "x" for mark in in_order])
    assert result == [weight / sum(expected) for weight in expected]


@given(in_order=st.lists(st.booleans(), min_size=1, max_size=40), ages=AGES, channels=CHANNELS)
def test_the_weights_of_every_model_add_up_to_one(
    in_order: list[bool], ages: list[timedelta], channels: list[str]
) -> None:
    touches = len(channels)
    for touch_weights in (
        weights.first_touch(touches),
        weights.last_touch(touches),
        weights.last_non_direct(channels),
        weights.linear(touches),
        weights.position_based(touches),
        weights.w_shaped(in_order),
        weights.time_decay(ages, WEEK),
        shapley(channels),
    ):
        assert sum(touch_weights) == 1
        assert min(touch_weights) >= 0
