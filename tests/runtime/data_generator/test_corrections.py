"""What happens to events after they were first sent: revisions, cancellations, refunds, copies and conflicts."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from runtime.data_generator import corrections
from runtime.data_generator.events import total_of
from runtime.data_generator.simulation import Record, simulate
from tests.runtime.data_generator.simulated import INVOCATION, make_settings
from tests.runtime.data_generator.test_variety import Sent, about, of, read_all

VARIETY = 4.0
Orders = dict[str, list[Sent]]


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return simulate(make_settings(clicks=15_000, variety=VARIETY, malformed_share=0, late_share=0.05), INVOCATION)


@pytest.fixture(scope="module")
def sent(records: list[Record]) -> list[Sent]:
    return list(read_all(records))


@pytest.fixture(scope="module")
def orders(sent: list[Sent]) -> Orders:
    """The checkouts of each order, in publishing order."""
    by_id: Orders = defaultdict(list)
    for event in of(sent, "checkout"):
        by_id[event.read["checkout_id"]].append(event)
    return by_id


@pytest.fixture(scope="module")
def refunds(sent: list[Sent]) -> Orders:
    """The refunds of each order, copies and conflicts left out."""
    by_order: Orders = defaultdict(list)
    known_ids = set()
    for event in of(sent, "refund"):
        if event.read["refund_id"] not in known_ids:
            known_ids.add(event.read["refund_id"])
            by_order[event.read["checkout_id"]].append(event)
    return by_order


def share_of(orders: Orders, holds: Callable[[dict[str, Any]], Any]) -> float:
    return sum(any(holds(event.read) for event in events) for events in orders.values()) / len(orders)


def test_orders_are_corrected_at_their_rates(orders: Orders, refunds: Orders) -> None:
    assert share_of(orders, lambda event: event["revision"]) == about(corrections.REVISED)
    assert share_of(orders, lambda event: event["cancelled"]) == about(corrections.CANCELLED)
    assert share_of(orders, lambda event: event["test"]) == about(corrections.TEST_ORDERS)
    assert len(refunds) / len(orders) == about(corrections.REFUNDED)
    assert {event.read["revision"] for events in orders.values() for event in events} == {0, 1, 2}


def test_a_revision_comes_later_with_the_same_user_and_time_and_another_total(orders: Orders) -> None:
    for events in orders.values():
        totals: dict[int, Decimal] = {}
        for event in events:
            totals.setdefault(event.read["revision"], Decimal(str(event.written["total_amount"])))
        revisions = dict.fromkeys(event.read["revision"] for event in events)
        assert list(revisions) == sorted(revisions)
        assert len(set(totals.values())) == len(totals)
        assert len({(event.read["user_id"], event.read["currency"]) for event in events}) == 1
        assert len({event.written["checkout_timestamp"] for event in events}) == 1


def test_revised_items_add_up_to_the_total(orders: Orders) -> None:
    revised = [event for events in orders.values() for event in events if event.read["revision"]]
    adding_up = [
        Decimal(str(event.written["total_amount"])) == Decimal(total_of(event.written["items"])) for event in revised
    ]
    assert len(revised) > 50
    # A conflict states another total.
    assert sum(adding_up) >= 0.98 * len(revised)


def test_a_cancellation_repeats_the_order(orders: Orders) -> None:
    cancelled = [events for events in orders.values() if events[-1].read["cancelled"]]
    assert cancelled
    for events in cancelled:
        assert not events[0].read["cancelled"]
        assert any(
            event.written | {"cancelled": True, "sent_at": None} == events[-1].written | {"sent_at": None}
            for event in events[:-1]
        )


def test_refunds_are_full_or_partial_and_never_exceed_the_order(orders: Orders, refunds: Orders) -> None:
    kinds = set()
    for checkout_id, events in refunds.items():
        order = orders[checkout_id]
        highest = max(event.read["revision"] for event in order)
        total = next(Decimal(event.read["total_amount"]) for event in order if event.read["revision"] == highest)
        amounts = [Decimal(event.read["amount"]) for event in events]
        assert all(amount > 0 for amount in amounts)
        # The first refund of a conflict states the right amount.
        assert sum(amounts) <= total
        kinds.add("full" if amounts == [total] else f"{len(amounts)} partial")
        assert {event.read["user_id"] for event in events} == {order[0].read["user_id"]}
    assert kinds == {"full", "1 partial", "2 partial"}


def test_some_refunds_come_before_their_checkout(orders: Orders, refunds: Orders) -> None:
    early = [events[0].position < orders[checkout_id][0].position for checkout_id, events in refunds.items()]
    assert 0.03 < sum(early) / len(early) < 0.25


def test_copies_are_equal_and_conflicts_differ_under_the_same_id_and_revision(sent: list[Sent]) -> None:
    by_identity = defaultdict(list)
    for event in sent:
        if not event.read.get("cancelled"):
            identity = event.read.get("refund_id") or event.read.get("click_id") or event.read["checkout_id"]
            by_identity[identity, event.read.get("revision", 0)].append(event)
    repeated = [events for events in by_identity.values() if len(events) > 1]
    assert {len(events) for events in repeated} == {2}
    copies = [first for first, second in repeated if first.written == second.written]
    conflicts = [(first, second) for first, second in repeated if first.written != second.written]
    assert len(copies) / len(sent) == pytest.approx(corrections.COPIED * VARIETY, rel=0.2)
    assert len(conflicts) / len(sent) == pytest.approx(corrections.CONFLICTING * VARIETY, rel=0.5)
    for first, second in conflicts:
        differing = {name for name in first.written if first.written[name] != second.written[name]}
        assert differing <= {"product_id", "page_url", "total_amount", "amount"}
        assert first.position <= second.position


def test_a_late_order_stays_late_when_it_is_sent_again(sent: list[Sent]) -> None:
    late = [event for event in of(sent, "checkout") if event.record.late]
    late_ids = {event.read["checkout_id"] for event in late}
    assert len(late) > len(late_ids) > 0
    assert all(event.record.late for event in of(sent, "checkout") if event.read["checkout_id"] in late_ids)
