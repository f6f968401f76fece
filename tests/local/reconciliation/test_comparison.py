import itertools
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from local.reconciliation.comparison import Record, Stored, collect, reconcile
from local.reconciliation.contract import Event
from local.reconciliation.credits import credit
from local.reconciliation.orders import net_amounts
from runtime.data_generator.events import Stream
from tests.local.reconciliation.sending import kpl
from tests.oracle import Checkout, Click, first_clicks
from tests.strategies import shop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
numbers = itertools.count()


def click(click_id: str = "c1", user_id: str = "u", at: datetime = NOON) -> Event:
    return Event("click", click_id, user_id, at)


def checkout(checkout_id: str = "k1", user_id: str = "u", at: datetime = NOON + MINUTE) -> Event:
    return Event("checkout", checkout_id, user_id, at, Decimal("9.90"), "EUR")


def refund(refund_id: str = "r1", amount: str = "2.50") -> Event:
    return Event("refund", refund_id, "u", NOON + MINUTE, Decimal(amount), "EUR", "k1")


def record(event: Event | bytes, shard: str = "0") -> Record:
    stream: Stream = "checkouts" if isinstance(event, Event) and event.kind != "click" else "clicks"
    data = event if isinstance(event, bytes) else to_json(event)
    return Record(stream, shard, str(next(numbers)), NOON + timedelta(days=1), "key", data)


def to_json(event: Event) -> bytes:
    fields: dict[str, Any] = {f"{event.kind}_id": event.id, "user_id": event.user_id}
    fields[f"{event.kind}_timestamp"] = event.at.isoformat()
    if event.kind == "click":
        fields["is_bot"] = event.is_bot
    else:
        fields["currency"] = event.currency
        fields["amount" if event.kind == "refund" else "total_amount"] = str(event.amount)
    if event.kind == "checkout":
        fields |= {name: getattr(event, name) for name in ("revision", "cancelled", "test")}
    return json.dumps(fields | ({"checkout_id": event.checkout_id} if event.checkout_id else {})).encode()


def stored(
    clicks: Iterable[Event] = (),
    checkouts: Iterable[Event] = (),
    dead_letters: Iterable[Record] = (),
    refunds: Iterable[Event] = (),
    conflicts: Iterable[tuple[str, str]] = (),
    **credited: Event,
) -> Stored:
    """Returns the rows that a faultless job stores. `credited`: each credited checkout's click, by checkout_id."""
    checkouts, refunds = list(checkouts), list(refunds)
    return Stored(
        events={"click": list(clicks), "checkout": checkouts, "refund": refunds},
        dead_letters=[(letter.stream, letter.sequence_number, 0) for letter in dead_letters],
        attributed=[
            (
                replace(event, revision=0, cancelled=False),
                (credited[event.id].at, credited[event.id].id) if event.id in credited else None,
            )
            for event in checkouts
        ],
        net=list(net_amounts(checkouts, refunds).items()),
        conflicts=list(conflicts),
    )


def faults(records: Iterable[Record], rows: Stored) -> tuple[int, int, int]:
    """Returns the numbers of lost, duplicated and wrong rows."""
    result = reconcile(collect(records), rows)
    assert bool(result.examples) == (not result.clean)
    return result.lost, result.duplicated, result.wrong


CLICK, CHECKOUT = click(), checkout()
RECORDS = [record(CLICK), record(CHECKOUT)]


def test_a_faultless_run_has_no_faults_and_consistent_counts() -> None:
    garbage = [record(b"garbage"), record(b"{")]
    duplicate = record(CLICK)
    rows = stored([CLICK], [CHECKOUT, checkout("k2", "someone")], garbage, k1=CLICK)
    records = [*RECORDS, *garbage, duplicate, record(checkout("k2", "someone"))]
    result = reconcile(collect(records), rows)
    assert result.clean
    assert (result.published, result.accepted, result.repeated, result.dead_lettered) == (6, 3, 1, 2)
    assert (result.checkouts, result.attributed, result.unattributed) == (2, 1, 1)


def test_an_event_without_its_row_is_lost() -> None:
    assert faults(RECORDS, stored([], [CHECKOUT], k1=CLICK)) == (1, 0, 0)


def test_a_checkout_without_its_attributed_row_is_lost() -> None:
    rows = replace(stored([CLICK], [CHECKOUT], k1=CLICK), attributed=[])
    assert faults(RECORDS, rows) == (1, 0, 0)


def test_a_checkout_without_its_net_amounts_is_lost() -> None:
    rows = replace(stored([CLICK], [CHECKOUT], k1=CLICK), net=[])
    assert faults(RECORDS, rows) == (1, 0, 0)


def test_the_events_of_one_record_are_counted_one_by_one() -> None:
    aggregated = record(kpl(to_json(CLICK), b"garbage", to_json(CLICK), b""))
    rows = replace(stored([CLICK]), dead_letters=[("clicks", aggregated.sequence_number, 1)])
    published = collect([aggregated])
    assert (published.records, published.events, published.ignored, published.to_store) == (1, 3, 1, 2)
    result = reconcile(published, rows)
    assert result.clean
    assert (result.records, result.published, result.ignored, result.repeated) == (1, 3, 1, 1)
    assert not reconcile(published, stored([CLICK], [], [aggregated])).clean


def test_a_refused_record_without_its_dead_letter_is_lost() -> None:
    assert faults([record(b"garbage")], stored()) == (1, 0, 0)


def test_a_repeated_row_is_duplicated() -> None:
    assert faults(RECORDS, stored([CLICK, CLICK], [CHECKOUT], k1=CLICK)) == (0, 1, 0)


def test_a_row_that_was_never_published_is_duplicated() -> None:
    assert faults(RECORDS, stored([CLICK, click("c2")], [CHECKOUT], k1=CLICK)) == (0, 1, 0)


def test_an_accepted_event_that_is_also_a_dead_letter_is_duplicated() -> None:
    assert faults(RECORDS, stored([CLICK], [CHECKOUT], RECORDS[:1], k1=CLICK)) == (0, 1, 0)


@pytest.mark.parametrize(
    "row",
    [
        replace(CHECKOUT, user_id="v"),
        replace(CHECKOUT, at=NOON + 2 * MINUTE),
        replace(CHECKOUT, amount=Decimal("9.9001")),
        replace(CHECKOUT, currency="USD"),
        replace(CHECKOUT, revision=1),
        replace(CHECKOUT, cancelled=True),
    ],
)
def test_a_row_with_other_values_is_wrong(row: Event) -> None:
    rows = stored([CLICK], [row], k1=CLICK)
    lost, duplicated, wrong = faults(RECORDS, rows)
    assert (lost, duplicated) == (0, 0)
    assert wrong > 0


def test_a_credit_to_any_but_the_first_click_is_wrong() -> None:
    later = click("c0", at=NOON + MINUTE)
    records = [*RECORDS, record(later)]
    assert faults(records, stored([CLICK, later], [CHECKOUT], k1=later)) == (0, 0, 1)
    assert faults(records, stored([CLICK, later], [CHECKOUT])) == (0, 0, 1)
    assert faults(records, stored([CLICK, later], [CHECKOUT], k1=CLICK)) == (0, 0, 0)


def test_a_robots_click_gets_no_credit() -> None:
    robot = replace(CLICK, is_bot=True)
    records = [record(robot), record(CHECKOUT)]
    assert faults(records, stored([robot], [CHECKOUT])) == (0, 0, 0)
    assert faults(records, stored([robot], [CHECKOUT], k1=robot)) == (0, 0, 1)


@given(shop=shop())
def test_credit_agrees_with_the_oracle(shop: tuple[list[Click], list[Checkout]]) -> None:
    clicks, checkouts = shop
    credited = credit(
        [checkout(event.checkout_id, event.user_id, event.checkout_timestamp) for event in checkouts],
        [click(event.click_id, event.user_id, event.click_timestamp) for event in clicks],
    )
    click_ids = {checkout_id: first[1] if first else None for checkout_id, first in credited.items()}
    assert click_ids == first_clicks(clicks, checkouts)
