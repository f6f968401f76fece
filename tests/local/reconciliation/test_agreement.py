"""The two implementations of the event contract agree."""

import base64
import itertools
import json
import string
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from local.reconciliation.contract import Event, read_record
from local.reconciliation.contract.currencies import CURRENCIES
from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.reading import outcomes
from runtime.attribution_job.events.values import currencies as job_currencies
from runtime.data_generator.events import Stream
from tests.local.reconciliation.generated import RECORDS
from tests.local.reconciliation.sending import ARRIVED

STREAMS: dict[Stream, Any] = {"clicks": CLICK, "checkouts": CHECKOUT}


CASES = sorted((Path(__file__).parents[2] / "cases").glob("*/records.jsonl"))


@settings(max_examples=1500, deadline=None)
@given(data=RECORDS)
def test_the_job_and_the_reconciliation_read_every_record_alike(data: bytes) -> None:
    for stream in STREAMS:
        assert_agreement(stream, data, ARRIVED)


@pytest.mark.parametrize("path", CASES, ids=[path.parent.name for path in CASES])
def test_they_read_the_records_of_every_case_alike(path: Path) -> None:
    for line in path.read_text().splitlines():
        record = json.loads(line)
        arrived_at = datetime.fromisoformat(record["arrived_at"])
        assert_agreement(record["stream"], base64.b64decode(record["data_base64"]), arrived_at)


def test_they_know_the_same_currencies() -> None:
    for letters in itertools.product(string.ascii_uppercase, repeat=3):
        code = "".join(letters)
        assert (code in job_currencies.CURRENCIES) == (code in CURRENCIES), code


def assert_agreement(stream: Stream, data: bytes, arrived_at: datetime) -> None:
    job, own = [*read_by_job(stream, data, arrived_at)], [*read_by_reconciliation(stream, data, arrived_at)]
    # How many pieces a record has in which nothing can be read is left open.
    if {*map(str, job + own)} != {"refused"}:
        assert job == own


def read_by_job(stream: Stream, data: bytes, arrived_at: datetime = ARRIVED) -> Iterator[object]:
    for outcome in outcomes(data, arrived_at, STREAMS[stream]):
        if outcome.event is None:
            yield "ignored" if outcome.ignored else "refused"
        else:
            yield columns_of_job(outcome.event)


def columns_of_job(event: dict[str, Any]) -> dict[str, Any]:
    columns = {name: value for name, value in event.items() if name != "unknown_fields" or value}
    del columns["unknown_names"]
    columns["repairs"] = sorted(set(event["repairs"]) - {"unknown_fields"})
    for name in ("total_amount", "amount"):
        if name in columns:
            columns[name] = Decimal(columns[name])
    if columns.get("items") is not None:
        items = json.loads(columns["items"], parse_float=Decimal)
        columns["items"] = [exact_item(item) for item in items]
    return columns


def exact_item(item: dict[str, Any]) -> dict[str, Any]:
    numbers = {name: item.get(name) and Decimal(str(item[name])) for name in ("quantity", "unit_price")}
    return {"product_id": item.get("product_id"), **numbers}


def read_by_reconciliation(stream: Stream, data: bytes, arrived_at: datetime = ARRIVED) -> Iterator[object]:
    for outcome in read_record(stream, data, arrived_at):
        if outcome.event is None:
            yield "refused" if outcome.reason else "ignored"
        else:
            yield columns_of(outcome.event)


def columns_of(event: Event) -> dict[str, Any]:
    details = dict(event.details)
    del details["arrived_at"]
    if not details["unknown_fields"]:
        del details["unknown_fields"]
    columns = {f"{event.kind}_id": event.id, "user_id": event.user_id, f"{event.kind}_timestamp": event.at, **details}
    if event.kind == "click":
        return columns | {"is_bot": event.is_bot}
    if event.kind == "refund":
        return columns | {"checkout_id": event.checkout_id, "amount": event.amount, "currency": event.currency}
    order = {name: getattr(event, name) for name in ("currency", "revision", "cancelled", "test")}
    return columns | order | {"total_amount": event.amount}
