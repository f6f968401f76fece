"""Example events, random records, and the job's parsing of a list of records."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from runtime.attribution_job.events.contract import Contract
from runtime.attribution_job.events.parsing import read
from runtime.attribution_job.events.schemas import TIME

ARRIVAL = datetime(2026, 11, 23, 12, tzinfo=UTC)
click: dict[str, Any] = {
    "click_id": "c1",
    "user_id": "u1",
    "session_id": "s1",
    "product_id": "p1",
    "page_url": "https://shop.example/p1",
    "utm_source": "news",
    "utm_medium": "email",
    "utm_campaign": "spring",
    "device_type": "phone",
    "click_timestamp": "2026-11-23T11:59:59.123Z",
    "schema_version": 1,
}
checkout: dict[str, Any] = {
    "checkout_id": "k1",
    "user_id": "u1",
    "session_id": "s1",
    "items": [{"product_id": "p1", "quantity": 2, "unit_price": "9.95"}],
    "total_amount": "19.90",
    "currency": "EUR",
    "payment_method": "card",
    "checkout_timestamp": "2026-11-23T11:59:59.123Z",
    "schema_version": 1,
}


def parsed(contract: Contract, data: Sequence[bytes]) -> list[dict[str, Any]]:
    """Parses records and returns each one's event or dead letter, in the order of `data`."""
    events, dead_letters = read(records(data), contract)
    rows = [*events.to_pylist(), *dead_letters.to_pylist()]
    return sorted(rows, key=lambda row: int(row["sequence_number"]))


def records(data: Sequence[bytes]) -> pa.Table:
    """Returns records with these bytes, whose sequence numbers are 0, 1, …"""
    return pa.table(
        {
            "data": pa.array(data, pa.binary()),
            "streamName": ["stream"] * len(data),
            "partitionKey": ["key"] * len(data),
            "sequenceNumber": [str(number) for number in range(len(data))],
            "approximateArrivalTimestamp": pa.array([ARRIVAL] * len(data), TIME),
        }
    )


def reason(row: dict[str, Any]) -> str | None:
    """Returns the reason of a dead letter, or null for an event."""
    return row.get("reason")


def encode(event: Any) -> bytes:
    return json.dumps(event).encode()


def encode_compactly(event: Any) -> bytes:
    """Encodes without spaces and without escapes, as many JSON libraries do."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")


def without(event: dict[str, Any], *fields: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name not in fields}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*checkout, "x"]), inner, max_size=4),
    max_leaves=8,
)
# A valid checkout in which up to three fields have random values.
CHANGED_CHECKOUTS = st.dictionaries(st.sampled_from([*checkout]), JSON_VALUES, max_size=3).map(
    lambda changes: encode(checkout | changes)
)
