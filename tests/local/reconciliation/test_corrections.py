"""Section 3 of the event contract: revisions, refunds, cancellations, test orders and conflicts."""

from dataclasses import replace
from decimal import Decimal

import pytest

from local.reconciliation.contract import Event
from local.reconciliation.orders import Net, net_amounts
from tests.local.reconciliation.test_comparison import (
    CHECKOUT,
    CLICK,
    MINUTE,
    checkout,
    click,
    faults,
    record,
    refund,
    stored,
)

EDITED = replace(CHECKOUT, amount=Decimal("7.00"), currency="USD", revision=1, test=True)


def test_the_first_of_two_duplicates_in_a_shard_is_valid() -> None:
    first, second = click(user_id="u"), click(user_id="v")
    records = [record(first), record(second)]
    conflict = [("click", "c1")]
    assert faults(records, stored([first], conflicts=conflict)) == (0, 0, 0)
    assert faults(records, stored([second], conflicts=conflict)) == (0, 0, 1)


def test_either_of_two_duplicates_in_different_shards_is_valid() -> None:
    first, second = click(user_id="u"), click(user_id="v")
    records = [record(first, shard="0"), record(second, shard="1"), record(CHECKOUT)]
    conflict = [("click", "c1")]
    assert faults(records, stored([first], [CHECKOUT], conflicts=conflict, k1=first)) == (0, 0, 0)
    assert faults(records, stored([second], [CHECKOUT], conflicts=conflict)) == (0, 0, 0)
    assert faults(records, stored([second], [CHECKOUT], conflicts=conflict, k1=first)) == (0, 0, 1)


@pytest.mark.parametrize("events", [[CHECKOUT, EDITED], [EDITED, CHECKOUT], [CHECKOUT, EDITED, CHECKOUT]], ids=range(3))
def test_the_highest_revision_stands_in_any_order(events: list[Event]) -> None:
    records = [record(event) for event in events]
    assert faults(records, stored([], [EDITED])) == (0, 0, 0)
    assert faults(records, stored([], [CHECKOUT]))[2] > 0


def test_a_revision_changes_neither_user_nor_time() -> None:
    moved = replace(EDITED, user_id="v", at=EDITED.at + MINUTE)
    records = [record(CLICK), record(CHECKOUT), record(moved)]
    assert faults(records, stored([CLICK], [EDITED], k1=CLICK)) == (0, 0, 0)
    assert faults(records, stored([CLICK], [moved]))[2] > 0


def test_of_two_events_with_the_highest_revision_the_first_stands() -> None:
    later = replace(EDITED, amount=Decimal(1))
    records = [record(CHECKOUT), record(EDITED), record(later)]
    assert faults(records, stored([], [EDITED], conflicts=[("checkout", "k1")])) == (0, 0, 0)
    assert faults(records, stored([], [later], conflicts=[("checkout", "k1")]))[2] > 0


def test_in_different_shards_either_of_the_highest_revisions_is_valid() -> None:
    other = replace(EDITED, amount=Decimal(1))
    records = [record(CHECKOUT, "0"), record(EDITED, "1"), record(other, "2")]
    conflicts = [("checkout", "k1")]
    for row in (EDITED, other):
        assert faults(records, stored([], [row], conflicts=conflicts)) == (0, 0, 0)
    assert faults(records, stored([], [CHECKOUT], conflicts=conflicts))[2] > 0


@pytest.mark.parametrize("reverse", [False, True])
def test_a_cancellation_stays(reverse: bool) -> None:
    cancelled = replace(CHECKOUT, cancelled=True)
    records = [record(event) for event in ([CHECKOUT, cancelled] if reverse else [cancelled, CHECKOUT])]
    assert faults(records, stored([], [cancelled])) == (0, 0, 0)
    assert faults([*records, record(EDITED)], stored([], [replace(EDITED, cancelled=True)])) == (0, 0, 0)
    assert faults(records, stored([], [CHECKOUT]))[2] > 0


def test_refunds_add_up_to_at_most_the_amount() -> None:
    refunds = [refund("r1", "2.50"), refund("r2", "2.5000")]
    assert net_amounts([CHECKOUT], refunds) == {"k1": amounts("9.90", "5.00", "0", "4.90")}
    assert net_amounts([CHECKOUT], [*refunds, refund("r3", "7")]) == {"k1": amounts("9.90", "9.90", "2.10", "0")}


def test_a_refund_in_another_currency_or_of_another_order_does_not_count() -> None:
    others = [replace(refund(), currency="USD"), replace(refund(), checkout_id="k2")]
    assert net_amounts([CHECKOUT], others) == {"k1": amounts("9.90", "0", "0", "9.90")}


def test_a_cancelled_order_has_nothing_left() -> None:
    cancelled = replace(CHECKOUT, cancelled=True)
    assert net_amounts([cancelled], [refund()]) == {"k1": amounts("9.90", "9.90", "0", "0")}


def test_a_test_order_has_no_net_amounts() -> None:
    assert net_amounts([replace(CHECKOUT, test=True)], [refund()]) == {}


def amounts(*values: str) -> Net:
    return Net(*map(Decimal, values))


def test_the_first_refund_with_an_id_stands_and_may_come_before_its_checkout() -> None:
    first, second = refund(amount="2.50"), refund(amount="3.00")
    records = [record(first), record(second), record(CHECKOUT)]
    conflict = [("refund", "r1")]
    assert faults(records, stored([], [CHECKOUT], refunds=[first], conflicts=conflict)) == (0, 0, 0)
    assert faults(records, stored([], [CHECKOUT], refunds=[second], conflicts=conflict))[2] > 0
    assert faults(records, stored([], [CHECKOUT], conflicts=conflict))[0] == 1


def test_a_wrong_net_amount_is_wrong() -> None:
    rows = stored([], [CHECKOUT], refunds=[refund()])
    rows = replace(rows, net=[("k1", amounts("9.90", "0", "0", "9.90"))])
    assert faults([record(CHECKOUT), record(refund())], rows) == (0, 0, 1)


@pytest.mark.parametrize(
    ("events", "smallest", "largest"),
    [
        ([CHECKOUT, CHECKOUT], 0, 0),
        ([CHECKOUT, replace(CHECKOUT, amount=Decimal(1))], 1, 1),
        ([CHECKOUT, replace(CHECKOUT, amount=Decimal(1)), replace(CHECKOUT, amount=Decimal(1))], 1, 1),
        ([CHECKOUT, replace(CHECKOUT, cancelled=True)], 0, 0),
        ([CHECKOUT, replace(CHECKOUT, user_id="v")], 1, 1),
        ([CHECKOUT, EDITED], 0, 0),
        ([CHECKOUT, replace(CHECKOUT, amount=Decimal(1)), EDITED], 0, 1),
        ([CHECKOUT, EDITED, replace(EDITED, amount=Decimal(1))], 1, 1),
    ],
    ids=range(8),
)
def test_the_number_of_conflicts_is_checked(events: list[Event], smallest: int, largest: int) -> None:
    records = [record(event) for event in events]
    row = next((event for event in events if event.revision), CHECKOUT)
    row = replace(row, cancelled=any(event.cancelled for event in events))
    for count in range(3):
        found = faults(records, stored([], [row], conflicts=[("checkout", "k1")] * count))
        assert found == (max(smallest - count, 0), max(count - largest, 0), 0)


def test_a_conflict_of_an_event_that_was_never_published_is_duplicated() -> None:
    assert faults([record(CHECKOUT)], stored([], [CHECKOUT], conflicts=[("click", "c9")])) == (0, 1, 0)


def test_a_test_order_is_credited_like_any_other() -> None:
    order = replace(checkout(), test=True)
    assert faults([record(CLICK), record(order)], stored([CLICK], [order], k1=CLICK)) == (0, 0, 0)


def test_an_order_that_is_taken_for_a_test_is_wrong_and_its_net_amounts_are_lost() -> None:
    lost, duplicated, wrong = faults([record(CHECKOUT)], stored([], [replace(CHECKOUT, test=True)]))
    assert (lost, duplicated) == (1, 0)
    assert wrong > 0
