"""The comparison finds the differences that the reconciliation does not check."""

import copy
import gzip
import itertools
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from chaos.contents import compare, read, recompute
from chaos.rows import Table
from local.reconciliation.comparison import Reconciliation, Record, collect, reconcile
from local.reconciliation.readback import read_database
from runtime.attribution_job.events import parsing
from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.schemas import TIME
from runtime.attribution_job.sink.postgres import PostgresSink
from runtime.data_generator.events import Stream
from tests.local.reconciliation.sending import kpl

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAMES: dict[Stream, str] = {"clicks": "clicks", "checkouts": "checkouts"}
ITEMS = [{"product_id": 'a "quoted", one', "quantity": 1, "unit_price": "1.50"}]
numbers = itertools.count(1)


def record(stream: Stream, data: bytes) -> Record:
    number = next(numbers)
    return Record(stream, "0", f"{number:04}", NOON + timedelta(hours=1, seconds=number), "p", data)


def encode(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def click(click_id: str, user_id: str, minute: int = 0, **fields: object) -> bytes:
    at = (NOON + timedelta(minutes=minute)).isoformat()
    return encode({"click_id": click_id, "user_id": user_id, "click_timestamp": at} | fields)


def checkout(checkout_id: str, user_id: str, amount: str = "1.50", **fields: object) -> bytes:
    at = (NOON + timedelta(minutes=2)).isoformat()
    event = {"checkout_id": checkout_id, "user_id": user_id, "checkout_timestamp": at, "items": ITEMS}
    return encode(event | {"total_amount": amount, "currency": "EUR"} | fields)


def refund(refund_id: str, checkout_id: str, amount: str, **fields: object) -> bytes:
    event = {"refund_id": refund_id, "checkout_id": checkout_id, "user_id": "u", "amount": amount, "currency": "EUR"}
    return encode(event | {"refund_timestamp": (NOON + timedelta(minutes=5)).isoformat()} | fields)


MAIL: dict[str, Any] = {
    "utm_source": "mail",
    "device_type": "phone",
    "referrer": "https://a.example/",
    "variant": "b",
    "experiment_id": 7,
}
RECORDS = [
    record("clicks", kpl(click("c1", "u", **MAIL), b"\xff", click("c2", "u", 1, utm_source="ads"), b"")),
    record("clicks", click("c3", "v", is_bot=True)),
    record("clicks", click("c4", "robots", device_type="bot")),
    record("clicks", click("c1", "u", **MAIL)),
    record("clicks", click("c5", "w", 600, page_url="https://shop.example/?utm_source=url%20text")),
    record("clicks", click("c5", "w", 600, utm_source="other")),
    record("clicks", b"\xff"),
    record("checkouts", refund("r1", "k1", "1.00")),
    record("checkouts", gzip.compress(checkout("k1", "u") + checkout("k2", "v", "7.1234", revision=1))),
    record("checkouts", checkout("k3", "u", test=True)),
    record("checkouts", checkout("k4", "w", "3.00", currency="eur", payment_method=["card"])),
    record("checkouts", checkout("k1", "u", "2.50", revision=2, session_id="s", items=[{"quantity": "2"}])),
    record("checkouts", checkout("k2", "v", "9.00")),
    record("checkouts", checkout("k4", "w", "3", payment_method="card", cancelled=True)),
    record("checkouts", checkout("k3", "u", "8", test=True)),
    record("checkouts", refund("r2", "k1", "3.00")),
    record("checkouts", refund("r3", "k2", "1.00", currency="USD")),
    record("checkouts", refund("r1", "k1", "4.00")),
    record("checkouts", b"[]"),
]


def parsed(stream: Stream) -> dict[str, pa.Table]:
    """Returns the tables that the job reads from the records of a stream."""
    records = [record for record in RECORDS if record.stream == stream]
    columns = {
        "data": pa.array([record.data for record in records], pa.binary()),
        "streamName": [NAMES[stream]] * len(records),
        "partitionKey": [record.partition_key for record in records],
        "sequenceNumber": [record.sequence_number for record in records],
        "approximateArrivalTimestamp": pa.array([record.arrived_at for record in records], TIME),
    }
    tables = parsing.read(pa.table(columns), CLICK if stream == "clicks" else CHECKOUT)
    return tables._asdict()


@pytest.fixture
def owner_url(server: Any, database: str) -> str:
    """Returns the URL of a database in which the job's sink has written RECORDS twice."""
    url: str = server.url(database)
    clicks, checkouts = parsed("clicks"), parsed("checkouts")
    rows = {kind: pa.concat_tables([clicks[kind], checkouts[kind]]) for kind in clicks}
    sink = PostgresSink(lambda: psycopg.connect(url, autocommit=True), "postgres")
    for batch_id in range(2):
        sink.write(rows, query_id="00000000-0000-0000-0000-000000000007", batch_id=batch_id)
    sink.close()
    return url


@pytest.fixture
def stored(owner_url: str) -> dict[str, Table]:
    with psycopg.connect(owner_url) as owner:
        return read(owner)


def differences(tables: dict[str, Table]) -> Reconciliation:
    result = Reconciliation(published=0, accepted=0, repeated=0, dead_lettered=0, checkouts=0, attributed=0)
    compare(recompute(RECORDS, NAMES), tables, result)
    return result


def test_the_stored_tables_equal_the_recomputed_tables(stored: dict[str, Table]) -> None:
    expected = recompute(RECORDS, NAMES)
    for name, rows in expected.items():
        if name != "conflicts":
            assert rows == stored[name]
    assert differences(stored).clean


def test_the_reconciliation_finds_no_fault(owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        result = reconcile(collect(RECORDS), read_database(owner, NAMES))
    assert result.clean, result.examples
    assert (result.conflicts, result.refunds, result.ignored, result.dead_lettered) == (3, 3, 2, 2)


def test_every_kind_of_correction_is_among_the_records(stored: dict[str, Table]) -> None:
    assert stored["net_checkouts"]["k1"]["refunded_amount"] == Decimal("2.50")
    assert stored["net_checkouts"]["k1"]["excess_refund"] == Decimal("1.50")
    assert stored["net_checkouts"]["k4"]["cancelled"]
    assert stored["raw_checkouts"]["k1"]["items"] == [{"product_id": None, "quantity": 2, "unit_price": None}]
    assert stored["users"]["u"]["lifetime_value"] == Decimal("2.50")
    assert stored["users"].keys() == {"u", "v", "w"}
    assert stored["attributed_checkouts"]["k2"]["click_id"] is None
    assert len(stored["conflicts"]) == 3


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


def test_a_conflict_of_another_record_is_found(stored: dict[str, Table]) -> None:
    stored["conflicts"]["click c9 1 0"] = {}
    assert differences(stored).duplicated == 1


def test_a_duplicate_checkout_counts_once_for_its_user() -> None:
    with_duplicate = recompute([*RECORDS, record("checkouts", checkout("k1", "u"))], NAMES)
    assert with_duplicate["users"] == recompute(RECORDS, NAMES)["users"]
