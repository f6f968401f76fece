"""The comparison finds what the reconciliation does not look at; that one has tests of its own."""

import copy
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from chaos.contents import Table, compare, expected, read
from local.reconciliation.comparison import Reconciliation, Record
from runtime.attribution_job.sink.postgres import PostgresSink
from runtime.data_generator.events import Stream
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, dead_letter_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NAMES: dict[Stream, str] = {"clicks": "clicks", "checkouts": "checkouts"}
CLICKS = [Click(NOON, "c1", "u"), Click(NOON + MINUTE, "c2", "u"), Click(NOON, "c3", "v")]
CHECKOUTS = [Checkout(NOON + 2 * MINUTE, "k1", "u"), Checkout(NOON + 2 * MINUTE, "k2", "w")]
ITEMS = [{"product_id": 'a "quoted", one', "quantity": 1, "unit_price": "1.50"}]


def record(number: int, stream: Stream, data: dict[str, Any] | bytes, arrived_at: datetime) -> Record:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Record(stream, "0", str(number), arrived_at, "p", body)


def click(number: int, one: Click, **labels: str) -> Record:
    event = {"click_id": one.click_id, "user_id": one.user_id, "click_timestamp": one.click_timestamp.isoformat()}
    return record(number, "clicks", event | labels, one.click_timestamp)


def checkout(number: int, one: Checkout) -> Record:
    at = one.checkout_timestamp
    event = {"checkout_id": one.checkout_id, "user_id": one.user_id, "checkout_timestamp": at.isoformat()}
    sale = {"items": ITEMS, "total_amount": "1.50", "currency": "EUR"}
    return record(number, "checkouts", event | sale, at)


RECORDS = [
    click(1, CLICKS[0], utm_source="mail", device_type="phone"),
    click(2, CLICKS[1], utm_source="ads", device_type="tablet"),
    click(3, CLICKS[2]),
    click(4, CLICKS[0], utm_source="mail", device_type="phone"),
    record(5, "clicks", b"\xff", NOON),
    checkout(6, CHECKOUTS[0]),
    checkout(7, CHECKOUTS[1]),
]


@pytest.fixture
def stored(server: Any, database: str) -> dict[str, Table]:
    """What the job's own sink makes of these records."""
    rows = [
        click_row(CLICKS[0], utm_source="mail", device_type="phone"),
        click_row(CLICKS[1], utm_source="ads", device_type="tablet"),
        click_row(CLICKS[2]),
        dead_letter_row(5, "not UTF-8", b"\xff", NOON),
        *map(checkout_row, CHECKOUTS),
        candidate_row(CHECKOUTS[0], CLICKS[0]),
    ]
    sink = PostgresSink(lambda: psycopg.connect(server.url(database), autocommit=True), "spark")
    for batch_id in range(2):
        sink.write(table(*rows), query_id="00000000-0000-0000-0000-000000000007", batch_id=batch_id)
    sink.close()
    with psycopg.connect(server.url(database)) as owner:
        return read(owner)


def faults(found: dict[str, Table]) -> Reconciliation:
    result = Reconciliation(published=0, accepted=0, repeated=0, dead_lettered=0, checkouts=0, attributed=0)
    compare(expected(RECORDS, NAMES), found, result)
    return result


def test_what_the_sink_writes_is_what_is_expected(stored: dict[str, Table]) -> None:
    assert expected(RECORDS, NAMES) == stored
    assert faults(stored).clean


def test_a_difference_in_any_column_of_any_row_is_wrong(stored: dict[str, Table]) -> None:
    for name, rows in stored.items():
        for key, row in rows.items():
            for column in row:
                broken = copy.deepcopy(stored)
                broken[name][key][column] = "something else"
                result = faults(broken)
                assert (result.lost, result.duplicated, result.wrong) == (0, 0, 1), f"{name}.{column}"
                assert column in result.examples[0]


def test_a_user_too_few_or_too_many_is_found(stored: dict[str, Table]) -> None:
    stored["users"]["nobody"] = stored["users"].pop("w")
    result = faults(stored)
    assert (result.lost, result.duplicated) == (1, 1)


def test_a_checkout_counts_once_for_its_user_however_often_it_is_received() -> None:
    twice = expected([*RECORDS, checkout(8, CHECKOUTS[0])], NAMES)
    assert twice["users"] == expected(RECORDS, NAMES)["users"]
    assert twice["users"]["u"]["lifetime_value"] == Decimal("1.50")
