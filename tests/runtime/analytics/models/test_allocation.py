"""Whole units are divided by weights and always add up."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.analytics.models.allocation import allocate

WEIGHTS = st.lists(st.fractions(0, 10, max_denominator=1000), min_size=1, max_size=12)


@given(units=st.integers(-(10**15), 10**15), weights=WEIGHTS.filter(any))
def test_parts_add_up_and_are_within_one_unit_of_their_quota(units: int, weights: list[Fraction]) -> None:
    parts = allocate(units, weights)
    assert sum(parts) == units
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - units * weight / sum(weights)) < 1


@given(units=st.integers(-1000, 1000), weights=WEIGHTS.filter(any))
def test_a_weight_of_zero_gets_nothing(units: int, weights: list[Fraction]) -> None:
    assert not any(part for part, weight in zip(allocate(units, weights), weights, strict=True) if not weight)


@given(units=st.integers(0, 1000), weights=WEIGHTS.filter(any))
def test_a_refund_is_divided_like_its_sale(units: int, weights: list[Fraction]) -> None:
    assert allocate(-units, weights) == [-part for part in allocate(units, weights)]


def test_equal_remainders_go_to_the_earlier_position() -> None:
    assert allocate(100, [Fraction(1)] * 3) == [34, 33, 33]
    assert allocate(2, [Fraction(1)] * 4) == [1, 1, 0, 0]


def test_the_largest_remainder_goes_before_the_earlier_position() -> None:
    assert allocate(10, [Fraction(14), Fraction(27), Fraction(59)]) == [1, 3, 6]


def test_nothing_is_divided_into_nothing() -> None:
    assert allocate(0, [Fraction(0), Fraction(0)]) == [0, 0]
    assert allocate(0, []) == []


@pytest.mark.parametrize("weights", [[], [Fraction(0)], [Fraction(2), Fraction(-1)]])
def test_units_that_no_weight_can_take_are_an_error(weights: list[Fraction]) -> None:
    with pytest.raises(ValueError, match="weight"):
        allocate(1, weights)
