"""The segments in the database: equal to the pure functions, computed once a day, and gaps that are named."""

from collections import Counter
from collections.abc import Sequence, Set
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.analytics.refresh import refresh
from runtime.analytics.segments import value_model
from runtime.analytics.segments.histories import histories_of, hold_out
from runtime.analytics.segments.purchases import Purchase
from runtime.analytics.segments.rfm import Book, CustomerSegment, segments
from tests.oracle import Checkout, Event
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.segments.shop import (
    FIRST_DAY,
    JPY,
    JPY_SINCE,
    compute,
    compute_segments,
    loyal_shop,
    noon,
    purchases_of,
    shops,
)
from tests.runtime.analytics.shops import CLEAR, rows, send

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
SCORES = "select user_id, recency_days, frequency, monetary, r, f, m, segment from customer_segments order by 1"


def book_of(purchases: Sequence[Purchase], as_of: date, without: Set[str] = frozenset()) -> list[CustomerSegment]:
    book = Book(as_of)
    book.add(purchase for purchase in purchases if purchase.customer_id not in without)
    return segments(book)


def moves(purchases: Sequence[Purchase], as_of: date) -> dict[tuple[date, str, str], int]:
    """Returns the numbers of customers by Monday, former segment and segment, of 26 weeks."""
    last_sunday = as_of - DAY * (as_of.isoweekday() % 7)
    counts: Counter[tuple[date, str, str]] = Counter()
    for number in range(26):
        sunday = last_sunday - number * WEEK
        former = {row.customer_id: row.segment for row in book_of(purchases, sunday - WEEK)}
        for row in book_of(purchases, sunday):
            counts[sunday - 6 * DAY, former.get(row.customer_id, "(new)"), row.segment] += 1
    return dict(counts)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(events=shops(), today=st.integers(1, 80).map(lambda days: FIRST_DAY + timedelta(days=days)))
def test_segments_of_random_shops_equal_the_pure_functions(logins: Logins, events: list[Event], today: date) -> None:
    logins.owner.execute(CLEAR)
    logins.owner.execute("insert into exchange_rates values (%s, 'JPY', %s)", [JPY_SINCE, JPY])
    if events:
        send(logins.sink, *events)
    compute(logins.refresher, today)
    purchases, _ = purchases_of(events)
    before = [purchase for purchase in purchases if purchase.day < today]
    as_of = max((purchase.day for purchase in before), default=None)
    assert rows(logins.analyst, "select as_of from value_model") == [(as_of,)]
    if as_of is None:
        assert rows(logins.analyst, SCORES) == []
        return
    _, unknown = purchases_of(
        event for event in events if not isinstance(event, Checkout) or event.checkout_timestamp.date() < today
    )
    known = {row.customer_id: row for row in book_of(before, as_of, unknown)}
    expected = []
    for row in book_of(before, as_of):
        value = known.get(row.customer_id)
        money = (value.monetary, value.m) if value else (None, None)
        expected.append(
            (row.customer_id, row.recency_days, row.frequency, money[0], row.r, row.f, money[1], row.segment)
        )
    assert rows(logins.analyst, SCORES) == expected
    stored = rows(logins.analyst, "select week, from_segment, to_segment, customers from segment_migration")
    assert {(week, former, segment): customers for week, former, segment, customers in stored} == moves(before, as_of)
    assert sum(row[0] for row in rows(logins.analyst, "select customers from segment_summary")) == len(expected)


def test_predictions_and_calibration_equal_the_pure_functions(logins: Logins) -> None:
    events = loyal_shop(500)
    send(logins.sink, *events)
    today = FIRST_DAY + timedelta(days=280)
    compute(logins.refresher, today)
    purchases, _ = purchases_of(events)
    histories = histories_of(purchases, today - DAY)
    model = value_model.fit(histories)
    assert model.purchases
    assert model.value
    stored = rows(
        logins.analyst,
        "select repeat_probability, expected_purchases, expected_value from customer_segments order by user_id",
    )
    for values, expected in zip(zip(*stored, strict=True), model.predictions(histories), strict=True):
        assert values == pytest.approx(expected, rel=1e-6)
    parameters = rows(logins.analyst, "select r, alpha, a, b, p, q, gamma, fitted_customers from value_model")
    fitted = (*(getattr(model.purchases, name) for name in ("r", "alpha", "a", "b")), model.value.p, model.value.q)
    assert parameters[0] == pytest.approx((*fitted, model.value.gamma, 500), rel=1e-6)
    points = value_model.check(hold_out(purchases, today - DAY - 13 * WEEK, 13))
    calibrated = rows(logins.analyst, "select * from value_calibration order by point")
    assert [row[:3] for row in calibrated] == [(n, 13, point.customers) for n, point in enumerate(points, start=1)]
    assert [row[3] for row in calibrated] == pytest.approx([point.predicted_probability for point in points], rel=1e-6)
    assert [row[4] for row in calibrated] == pytest.approx([point.observed_share for point in points])
    assert [row[6] for row in calibrated] == pytest.approx([point.observed_purchases for point in points])


def test_segments_are_computed_once_a_day(logins: Logins) -> None:
    send(logins.sink, Checkout(noon(FIRST_DAY), "k", "u"))
    compute(logins.refresher, FIRST_DAY + DAY)
    logins.owner.execute("delete from customer_scores")
    compute_segments(logins.refresher, FIRST_DAY + DAY)
    assert rows(logins.analyst, SCORES) == []
    compute_segments(logins.refresher, FIRST_DAY + 2 * DAY)
    assert [row[0] for row in rows(logins.analyst, SCORES)] == ["u"]


def test_a_full_refresh_computes_the_segments_anew(logins: Logins) -> None:
    send(logins.sink, Checkout(noon(FIRST_DAY), "k", "u"))
    refresh(logins.refresher)
    logins.owner.execute("delete from customer_scores")
    refresh(logins.refresher)
    assert rows(logins.analyst, SCORES) == []
    refresh(logins.refresher, full=True)
    assert [row[0] for row in rows(logins.analyst, SCORES)] == ["u"]


def test_a_new_rate_and_many_older_orders_count_on_the_same_day(logins: Logins) -> None:
    send(logins.sink, Checkout(noon(FIRST_DAY), "k", "u", "100", "JPY"))
    compute(logins.refresher, FIRST_DAY + DAY)
    assert rows(logins.analyst, "select monetary, m, expected_value from customer_segments") == [(None, None, None)]
    ((notes, reason),) = rows(logins.analyst, "select notes, why_no_purchases from value_model")
    assert "load rates of JPY from 2025-03-03 on" in notes
    assert reason == "0 customers have bought on several days; the model needs 100: wait for more purchases"
    assert rows(logins.analyst, "select customers_without_value, net_revenue from segment_summary") == [(1, None)]
    logins.owner.execute("insert into exchange_rates values (%s, 'JPY', 0.01)", [FIRST_DAY])
    compute_segments(logins.refresher, FIRST_DAY + DAY)
    assert rows(logins.analyst, "select monetary::float, m from customer_segments") == [(1.0, 1)]
    assert rows(logins.analyst, "select notes from value_model") == [(None,)]
    send(logins.sink, Checkout(noon(FIRST_DAY - DAY), "k2", "v"))
    compute(logins.refresher, FIRST_DAY + DAY)
    assert [row[0] for row in rows(logins.analyst, SCORES)] == ["u", "v"]


def test_an_erased_person_leaves_the_segments(logins: Logins) -> None:
    send(logins.sink, Checkout(noon(FIRST_DAY), "k", "u"), Checkout(noon(FIRST_DAY), "k2", "v"))
    compute(logins.refresher, FIRST_DAY + DAY)
    assert rows(logins.owner, "select * from erase_from_segments('u')") == [("customer_scores", 1)]
    assert [row[0] for row in rows(logins.analyst, SCORES)] == ["v"]
    assert rows(logins.owner, "select * from erase_from_segments('u')") == [("customer_scores", 0)]
