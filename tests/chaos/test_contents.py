"""The comparison finds the differences that the reconciliation does not check."""

import copy
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from chaos.contents import Table, compare, read, recompute
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


def click_record(number: int, click: Click, **labels: str) -> Record:
    at = click.click_timestamp
    event = {"click_id": click.click_id, "user_id": click.user_id, "click_timestamp": at.isoformat()}
    return record(number, "clicks", event | labels, at)


def checkout_record(number: int, checkout: Checkout) -> Record:
    at = checkout.checkout_timestamp
    event = {"checkout_id": checkout.checkout_id, "user_id": checkout.user_id, "checkout_timestamp": at.isoformat()}
    sale = {"items": ITEMS, "total_amount": "1.50", "currency": "EUR"}
    return record(number, "checkouts", event | sale, at)


RECORDS = [
    click_record(1, CLICKS[0], utm_source="mail", device_type="phone"),
    click_record(2, CLICKS[1], utm_source="ads", device_type="tablet"),
    click_record(3, CLICKS[2]),
    click_record(4, CLICKS[0], utm_source="mail", device_type="phone"),
    record(5, "clicks", b"\xff", NOON),
    checkout_record(6, CHECKOUTS[0]),
    checkout_record(7, CHECKOUTS[1]),
]


@pytest.fixture
def stored(server: Any, database: str) -> dict[str, Table]:
    """Returns the tables after the job's sink has written RECORDS twice."""
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


def differences(tables: dict[str, Table]) -> Reconciliation:
    result = Reconciliation(published=0, accepted=0, repeated=0, dead_lettered=0, checkouts=0, attributed=0)
    compare(recompute(RECORDS, NAMES), tables, result)
    return result


def test_the_stored_tables_equal_the_recomputed_tables(stored: dict[str, Table]) -> None:
    assert recompute(RECORDS, NAMES) == stored
    assert differences(stored).clean


def test_a_difference_in_any_column_of_any_row_is_wrong(stored: dict[str, Table]) -> None:
    for name, rows in stored.items():
        for key, row in rows.items():
            for column in row:
                broken = copy.deepcopy(stored)
                broken[name][key][column] = "something else"
                result = differences(broken)
                assert (result.lost, result.duplicated, result.wrong) == (0, 0, 1), f"{name}.{column}"
                assert column in result.examples[0]


def test_a_missing_and_a_surplus_user_are_found(stored: dict[str, Table]) -> None:
    stored["users"]["nobody"] = stored["users"].pop("w")
    result = differences(stored)
    assert (result.lost, result.duplicated) == (1, 1)


def test_a_duplicate_checkout_counts_once_for_its_user() -> None:
    with_duplicate = recompute([*RECORDS, checkout_record(8, CHECKOUTS[0])], NAMES)
    assert with_duplicate["users"] == recompute(RECORDS, NAMES)["users"]
    assert with_duplicate["users"]["u"]["lifetime_value"] == Decimal("1.50")
