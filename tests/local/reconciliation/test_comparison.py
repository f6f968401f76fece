import itertools
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from local.reconciliation.comparison import Record, Stored, collect, credit, reconcile
from local.reconciliation.contract import Event
from runtime.data_generator.events import Stream
from tests.oracle import Checkout, Click, first_clicks
from tests.strategies import shop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
numbers = itertools.count()


def click(click_id: str = "c1", user_id: str = "u", at: datetime = NOON) -> Event:
    return Event(click_id, user_id, at)


def checkout(checkout_id: str = "k1", user_id: str = "u", at: datetime = NOON + MINUTE) -> Event:
    return Event(checkout_id, user_id, at, Decimal("9.90"), "EUR")


def record(event: Event | bytes, stream: Stream = "clicks", shard: str = "0") -> Record:
    return Record(stream, shard, str(next(numbers)), NOON + timedelta(days=1), "key", to_json(stream, event))


def to_json(stream: Stream, event: Event | bytes) -> bytes:
    if isinstance(event, bytes):
        return event
    kind = stream.removesuffix("s")
    fields: dict[str, Any] = {f"{kind}_id": event.id, "user_id": event.user_id}
    fields[f"{kind}_timestamp"] = event.at.isoformat()
    if event.amount is not None:
        fields |= {"total_amount": str(event.amount), "currency": event.currency}
    return json.dumps(fields).encode()


def stored(
    clicks: Iterable[Event] = (),
    checkouts: Iterable[Event] = (),
    dead_letters: Iterable[Record] = (),
    **credited: Event,
) -> Stored:
    """Returns the rows that a faultless job stores. `credited`: each credited checkout's click, by checkout_id."""
    checkouts = list(checkouts)
    return Stored(
        events={"clicks": list(clicks), "checkouts": checkouts},
        dead_letters=[(letter.stream, letter.sequence_number) for letter in dead_letters],
        attributed=[
            (event, (credited[event.id].at, credited[event.id].id) if event.id in credited else None)
            for event in checkouts
        ],
    )


def faults(records: Iterable[Record], rows: Stored) -> tuple[int, int, int]:
    """Returns the numbers of lost, duplicated and wrong rows."""
    result = reconcile(collect(records), rows)
    assert bool(result.examples) == (not result.clean)
    return result.lost, result.duplicated, result.wrong


CLICK, CHECKOUT = click(), checkout()
RECORDS = [record(CLICK), record(CHECKOUT, "checkouts")]


def test_a_faultless_run_has_no_faults_and_consistent_counts() -> None:
    garbage = [record(b"garbage"), record(b"", "checkouts")]
    duplicate = record(CLICK)
    rows = stored([CLICK], [CHECKOUT, checkout("k2", "someone")], garbage, k1=CLICK)
    records = [*RECORDS, *garbage, duplicate, record(checkout("k2", "someone"), "checkouts")]
    result = reconcile(collect(records), rows)
    assert result.clean
    assert (result.published, result.accepted, result.repeated, result.dead_lettered) == (6, 3, 1, 2)
    assert (result.checkouts, result.attributed, result.unattributed) == (2, 1, 1)


def test_an_event_without_its_row_is_lost() -> None:
    assert faults(RECORDS, stored([], [CHECKOUT], k1=CLICK)) == (1, 0, 0)


def test_a_checkout_without_its_attributed_row_is_lost() -> None:
    rows = replace(stored([CLICK], [CHECKOUT], k1=CLICK), attributed=[])
    assert faults(RECORDS, rows) == (1, 0, 0)


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
        CHECKOUT._replace(user_id="v"),
        CHECKOUT._replace(at=NOON + 2 * MINUTE),
        CHECKOUT._replace(amount=Decimal("9.91")),
        CHECKOUT._replace(currency="USD"),
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


def test_the_first_of_two_duplicates_in_a_shard_is_valid() -> None:
    first, second = click(user_id="u"), click(user_id="v")
    records = [record(first), record(second)]
    assert faults(records, stored([first])) == (0, 0, 0)
    assert faults(records, stored([second])) == (0, 0, 1)


def test_either_of_two_duplicates_in_different_shards_is_valid() -> None:
    first, second = click(user_id="u"), click(user_id="v")
    records = [record(first, shard="0"), record(second, shard="1"), record(CHECKOUT, "checkouts")]
    assert faults(records, stored([first], [CHECKOUT], k1=first)) == (0, 0, 0)
    assert faults(records, stored([second], [CHECKOUT])) == (0, 0, 0)
    assert faults(records, stored([second], [CHECKOUT], k1=first)) == (0, 0, 1)


@given(shop=shop())
def test_credit_agrees_with_the_oracle(shop: tuple[list[Click], list[Checkout]]) -> None:
    clicks, checkouts = shop
    credited = credit(
        [checkout(event.checkout_id, event.user_id, event.checkout_timestamp) for event in checkouts],
        [click(event.click_id, event.user_id, event.click_timestamp) for event in clicks],
    )
    click_ids = {checkout_id: first[1] if first else None for checkout_id, first in credited.items()}
    assert click_ids == first_clicks(clicks, checkouts)
