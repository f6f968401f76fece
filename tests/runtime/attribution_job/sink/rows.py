"""Builders of the sink's input: rows of each kind, and the tables that hold them."""

from datetime import datetime

import pyarrow as pa

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.schemas import DEAD_LETTER, TIME, event_schema
from tests.oracle import Checkout, Click

SCHEMAS = {
    "click": event_schema(CLICK),
    "checkout": event_schema(CHECKOUT),
    "dead_letter": DEAD_LETTER,
    "candidate": pa.schema({"checkout_id": pa.string(), "click_id": pa.string(), "click_timestamp": TIME}),
}


def click_row(click: Click, *, sequence: int = 0, **labels: str) -> dict[str, object]:
    return {
        "click": {
            "click_id": click.click_id,
            "user_id": click.user_id,
            "click_timestamp": click.click_timestamp,
            "arrived_at": click.click_timestamp,
            "sequence_number": str(sequence),
            "unknown_fields": 0,
        }
        | labels
    }


def checkout_row(checkout: Checkout, *, amount: str = "1.50", sequence: int = 0) -> dict[str, object]:
    return {
        "checkout": {
            "checkout_id": checkout.checkout_id,
            "user_id": checkout.user_id,
            "checkout_timestamp": checkout.checkout_timestamp,
            "total_amount": amount,
            "currency": "EUR",
            "items": '[{"product_id":"a \\"quoted\\", one","quantity":1,"unit_price":"1.50"}]',
            "arrived_at": checkout.checkout_timestamp,
            "sequence_number": str(sequence),
            "unknown_fields": 0,
        }
    }


def candidate_row(checkout: Checkout, click: Click) -> dict[str, object]:
    return {
        "candidate": {
            "checkout_id": checkout.checkout_id,
            "click_id": click.click_id,
            "click_timestamp": click.click_timestamp,
        }
    }


def dead_letter_row(sequence: int, reason: str, data: bytes, arrived_at: datetime) -> dict[str, object]:
    return {
        "dead_letter": {
            "stream_name": "clicks",
            "sequence_number": str(sequence),
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
