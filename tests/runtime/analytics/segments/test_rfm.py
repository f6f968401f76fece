"""RFM: fifths with ties and few customers, the names, and what counts as a purchase."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.analytics.segments.purchases import Purchase
from runtime.analytics.segments.rfm import SEGMENTS, Book, CustomerSegment, fifths, segments

AS_OF = date(2026, 3, 1)


def of(*purchases: tuple[str, int, str]) -> list[CustomerSegment]:
    """Returns the segments of purchases: customer, days ago, amount."""
    book = Book(AS_OF)
    book.add(Purchase(name, AS_OF - timedelta(days=days), Decimal(amount)) for name, days, amount in purchases)
    return segments(book)


@pytest.mark.parametrize(
    ("values", "scores"),
    [
        ([], []),
        ([7], [1]),
        ([7, 9], [1, 5]),
        ([9, 7, 8], [5, 1, 3]),
        ([1, 2, 3, 4], [1, 2, 4, 5]),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        (list(range(7)), [1, 1, 2, 3, 4, 5, 5]),
        ([3, 3, 3], [1, 1, 1]),
        ([1, 1, 1, 2], [1, 1, 1, 5]),
        ([1, 2, 2, 2], [1, 2, 2, 2]),
    ],
)
def test_fifths_of_ties_and_small_numbers(values: list[int], scores: list[int]) -> None:
    assert fifths(values) == scores


@given(st.integers(1, 40), st.randoms())
def test_different_values_make_five_groups_of_the_same_size(fifth: int, random: Random) -> None:
    values = list(range(5 * fifth))
    random.shuffle(values)
    assert fifths(values) == [1 + value // fifth for value in values]


@given(st.lists(st.integers(0, 9)))
def test_fifths_follow_the_values(values: list[int]) -> None:
    scores = dict(zip(values, fifths(values), strict=True))
    in_order = [scores[value] for value in sorted(scores)]
    assert in_order == sorted(in_order)
    assert fifths(values) == [scores[value] for value in values]
    assert not in_order or in_order[0] == 1


def test_the_most_recent_customer_has_the_highest_r() -> None:
    scores = {row.customer_id: row.r for row in of(*((f"c{days}", days, "1") for days in range(10)))}
    assert [scores[f"c{days}"] for days in range(10)] == [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]


def test_all_who_bought_on_the_last_day_have_r_5() -> None:
    rows = of(("a", 0, "1"), ("b", 0, "1"), ("c", 0, "1"), ("d", 9, "1"))
    assert [row.r for row in rows] == [5, 5, 5, 1]


def test_purchases_of_one_day_count_each_and_refunds_count_in_the_value_only() -> None:
    (row,) = of(("a", 5, "10.50"), ("a", 5, "2.25"), ("a", 1, "-4.75"))
    assert (row.recency_days, row.frequency, row.monetary) == (5, 2, Decimal("8.00"))


def test_a_purchase_of_nothing_counts() -> None:
    (row,) = of(("a", 3, "0.00"))
    assert (row.recency_days, row.frequency, row.monetary) == (3, 1, Decimal())


def test_later_rows_and_customers_with_refunds_only_are_left_out() -> None:
    book = Book(AS_OF)
    days = [("a", 0, "5"), ("b", 0, "-5"), ("c", 1, "5"), ("a", 2, "-5")]
    book.add(Purchase(name, AS_OF + timedelta(days=day), Decimal(amount)) for name, day, amount in days)
    assert [row.customer_id for row in segments(book)] == ["a"]
    assert (book.later_purchases, sorted(book.customers)) == (2, ["a", "b"])


def test_every_pair_of_scores_has_a_name() -> None:
    assert sorted(SEGMENTS) == [1, 2, 3, 4, 5]
    assert {len(names) for names in SEGMENTS.values()} == {5}
    assert len({name for names in SEGMENTS.values() for name in names}) == 10


def test_names_follow_from_r_and_f() -> None:
    purchases = [(f"c{number}", 10 * number, "1") for number in range(5) for _ in range(5 - number)]
    assert [(row.r, row.f, row.segment) for row in of(*purchases)] == [
        (5, 5, "Champions"),
        (4, 4, "Loyal customers"),
        (3, 3, "Need attention"),
        (2, 2, "Hibernating"),
        (1, 1, "Hibernating"),
    ]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(-3, 20), st.sampled_from(["1.10", "2", "-1"]))))
def test_the_order_of_purchases_does_not_matter(purchases: list[tuple[str, int, str]]) -> None:
    assert of(*purchases) == of(*reversed(purchases))
