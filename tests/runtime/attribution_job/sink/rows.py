"""Builders of the sink's input: rows of each kind, and the tables that hold them."""

from dataclasses import asdict
from datetime import date, datetime, timedelta

import pyarrow as pa

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, REFUND
from runtime.attribution_job.events.schemas import DEAD_LETTER, TIME, event_schema
from runtime.attribution_job.sink import days
from tests.oracle import Checkout, Click, Event, Refund

SCHEMAS = {
    "click": event_schema(CLICK),
    "checkout": event_schema(CHECKOUT),
    "refund": event_schema(REFUND),
    "dead_letter": DEAD_LETTER,
    "candidate": pa.schema({"checkout_id": pa.string(), "click_id": pa.string(), "click_timestamp": TIME}),
}


# The day that stands for all clicks before the first day with a partition of its own.
DAY_BEFORE = date(2027, 1, 1)


def click_row(click: Click, *, sequence: int = 0, **columns: object) -> dict[str, object]:
    return {"click": asdict(click) | _record(click.click_timestamp, sequence) | columns}


def checkout_row(
    checkout: Checkout, *, amount: str | None = None, sequence: int = 0, **columns: object
) -> dict[str, object]:
    items = {"items": '[{"product_id":"a \\"quoted\\", one","quantity":1,"unit_price":"1.50"}]'}
    total = {"total_amount": amount or checkout.amount}
    return {"checkout": asdict(checkout) | items | total | _record(checkout.checkout_timestamp, sequence) | columns}


def refund_row(refund: Refund, *, sequence: int = 0, **columns: object) -> dict[str, object]:
    return {"refund": asdict(refund) | _record(refund.refund_timestamp, sequence) | columns}


def event_row(event: Event, *, sequence: int = 0, **columns: object) -> dict[str, object]:
    """Returns the row of an event of any kind."""
    if isinstance(event, Click):
        return click_row(event, sequence=sequence, **columns)
    if isinstance(event, Checkout):
        return checkout_row(event, amount=event.amount, sequence=sequence, **columns)
    return refund_row(event, sequence=sequence, **columns)


def _record(arrived_at: datetime, sequence: int) -> dict[str, object]:
    """Returns the columns of the record that holds an event."""
    return {"arrived_at": arrived_at, "sequence_number": str(sequence), "record_index": 0} | {
        "unknown_fields": 0,
        "unknown_names": None,
    }


def candidate_row(checkout: Checkout, click: Click) -> dict[str, object]:
    return {
        "candidate": {
            "checkout_id": checkout.checkout_id,
            "click_id": click.click_id,
            "click_timestamp": click.click_timestamp,
        }
    }


def dead_letter_row(
    sequence: int, reason: str | None, data: bytes, arrived_at: datetime, *, index: int = 0
) -> dict[str, object]:
    return {
        "dead_letter": {
            "stream_name": "clicks",
            "sequence_number": str(sequence),
            "record_index": index,
            "partition_key": "p",
            "reason": reason,
            "data": "\\x" + data.hex(),
            "arrived_at": arrived_at,
        }
    }


def table(*rows: dict[str, object]) -> dict[str, pa.Table]:
    """Returns the sink's tables by kind. Each row is a dict whose only key is its kind."""
    return {
        kind: pa.Table.from_pylist([row[kind] for row in rows if kind in row], schema=schema)
        for kind, schema in SCHEMAS.items()
    }


def in_one_partition(*rows: dict[str, object]) -> dict[str, pa.Table]:
    """Returns the tables of a batch whose clicks are all in the partition of DAY_BEFORE."""
    tables = table(*rows)
    return tables | {"click": days.with_day(tables["click"], DAY_BEFORE + timedelta(days=1))}
