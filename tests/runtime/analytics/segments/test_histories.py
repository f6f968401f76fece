"""Histories of customers, and the weeks that are held out of them."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.analytics.segments.histories import histories_of, hold_out
from runtime.analytics.segments.purchases import Purchase

FIRST = date(2026, 1, 5)


def purchase(customer: str, day: int, amount: str = "10") -> Purchase:
    return Purchase(customer, FIRST + timedelta(days=day), Decimal(amount))


def test_a_history_is_in_weeks_and_counts_days() -> None:
    purchases = [purchase("a", 14, "5"), purchase("a", 0), purchase("a", 21, "20"), purchase("a", 21, "10")]
    histories = histories_of(purchases, FIRST + timedelta(days=35))
    assert histories.customer_ids == ["a"]
    numbers = (histories.repeat_purchases, histories.recency, histories.age, histories.repeat_value)
    assert [column.tolist() for column in numbers] == [[2.0], [3.0], [5.0], [17.5]]


def test_refunds_reduce_the_value_in_proportion_and_nothing_else() -> None:
    purchases = [purchase("a", 0, "10"), purchase("a", 7, "30"), purchase("a", 9, "-20")]
    histories = histories_of(purchases, FIRST + timedelta(days=14))
    assert (histories.repeat_purchases[0], histories.recency[0], histories.repeat_value[0]) == (1, 1, 15)


def test_refunds_of_more_than_all_leave_no_value() -> None:
    histories = histories_of([purchase("a", 0), purchase("a", 7), purchase("a", 9, "-50")], FIRST + timedelta(days=14))
    assert histories.repeat_value.tolist() == [0]


def test_customers_with_refunds_or_later_purchases_only_have_no_history() -> None:
    histories = histories_of([purchase("a", 0, "-5"), purchase("b", 9), purchase("c", 1)], FIRST + timedelta(days=8))
    assert histories.customer_ids == ["c"]


def test_no_purchases_are_no_histories() -> None:
    assert histories_of([], FIRST).age.shape == (0,)


def test_held_out_weeks_begin_after_the_day_and_end_with_their_last_day() -> None:
    days = [0, 7, 8, 8, 14, 21, 22]
    held_out = hold_out([*(purchase("a", day) for day in days), purchase("b", 9)], FIRST + timedelta(days=7), weeks=2)
    assert held_out.histories.customer_ids == ["a"]
    assert held_out.histories.repeat_purchases.tolist() == [1]
    assert held_out.purchases.tolist() == [3]


@pytest.mark.parametrize("amount", ["0", "0.00"])
def test_a_purchase_of_nothing_is_a_purchase(amount: str) -> None:
    histories = histories_of([purchase("a", 0, amount), purchase("a", 7, amount)], FIRST + timedelta(days=7))
    assert (histories.repeat_purchases.tolist(), histories.repeat_value.tolist()) == ([1], [0])


@given(
    st.lists(st.builds(purchase, st.sampled_from("abc"), st.integers(0, 40), st.sampled_from(["0", "9.99", "-5"]))),
    st.randoms(),
)
def test_the_order_of_purchases_does_not_matter(purchases: list[Purchase], random: Random) -> None:
    shuffled = list(purchases)
    random.shuffle(shuffled)
    one, other = (hold_out(rows, FIRST + timedelta(days=20), 2) for rows in (purchases, shuffled))
    assert one.histories.customer_ids == other.histories.customer_ids
    np.testing.assert_array_equal(one.purchases, other.purchases)
    np.testing.assert_array_equal(one.histories.repeat_value, other.histories.repeat_value)
    assert (one.histories.recency <= one.histories.age).all()
