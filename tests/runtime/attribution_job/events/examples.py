"""Example events, random records, and the job's reading of them."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from runtime.attribution_job.events.contract import Contract
from runtime.attribution_job.events.parsing import Parsed, read
from runtime.attribution_job.events.reading import Outcome, outcomes
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
# All fields of the contract.
full_click: dict[str, Any] = click | {
    "referrer": "https://mail.example/",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "is_bot": False,
    "sent_at": "2026-11-23T11:59:59.500Z",
    "experiment_id": "e1",
    "variant": "b",
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
full_checkout: dict[str, Any] = checkout | {
    "revision": 2,
    "cancelled": True,
    "test": False,
    "sent_at": "2026-11-23T11:59:59Z",
}
refund: dict[str, Any] = {
    "refund_id": "r1",
    "checkout_id": "k1",
    "user_id": "u1",
    "amount": "5.00",
    "currency": "EUR",
    "refund_timestamp": "2026-11-23T11:59:59.123Z",
}


def records(data: Sequence[bytes]) -> pa.Table:
    """Returns records with the columns of a Kinesis source. Their sequence numbers count from 0."""
    return pa.table(
        {
            "data": pa.array(data, pa.binary()),
            "streamName": pa.array(["stream"] * len(data), pa.string()),
            "partitionKey": pa.array(["key"] * len(data), pa.string()),
            "sequenceNumber": pa.array([str(number) for number in range(len(data))], pa.string()),
            "approximateArrivalTimestamp": pa.array([ARRIVAL] * len(data), TIME),
        }
    )


def parsed(contract: Contract, data: Sequence[bytes]) -> list[dict[str, Any]]:
    """Parses records and returns their events and dead letters, in the order of `data`."""
    return rows_of(read(records(data), contract))


def rows_of(tables: Parsed) -> list[dict[str, Any]]:
    """Returns events and dead letters of all kinds, in the order of their records."""
    rows = [row for table in tables for row in table.to_pylist()]
    return sorted(rows, key=lambda row: (int(row["sequence_number"]), row["record_index"]))


def reason(row: dict[str, Any]) -> str | None:
    """Returns the reason of a dead letter, or null for an event."""
    return row.get("reason")


def outcome(contract: Contract, event: Any) -> Outcome:
    """Returns the outcome of a record of one event, which is given as JSON or as bytes."""
    (only,) = outcomes(event if isinstance(event, bytes) else encode(event), ARRIVAL, contract)
    return only


def accepted(contract: Contract, event: Any) -> dict[str, Any]:
    """Returns the values of an event that is accepted."""
    result = outcome(contract, event)
    assert result.event is not None, result.reason
    return result.event


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
# Values that are plain in some fields, and in others need a repair or a refusal.
ODD_VALUES = st.sampled_from(
    [
        None, True, False, 0, 1, 2.5, -1, 1795435199, "", " ", "x ", "null", "NULL", "undefined", "(not set)", "guest",
        "A0000000-0000-0000-0000-00000000000A", "00000000-0000-0000-0000-000000000000", "é", "e\u0301", "ü€😀", "bot",
        "Bot", "1", "true", "39.9", "39.90", "39.900", "19.1234", "19.12345", "1,000.00", "-1.00", "12345678901.00",
        "NaN", "EUR", "eur", "ZZZ", "2026-11-23T11:00:00Z", "2026-11-23T12:05:00.000Z", "2026-11-23T12:05:00.001Z",
        "2026-02-30T00:00:00Z", "2026-11-23 11:00:00+0000", "2026-11-23",
        "https://shop.example/p1?utm_source=a&UTM_MEDIUM=b%20c&utm_campaign=", "https://shop.example/p1?a=b&gclid=1",
        "https://shop.example/p1?gclid=", "https://shop.example/p1#fbclid=2", "https://www.google.com/",
        "https://shop.example/", "https://other.example/", "http://[", "x" * 256, "x" * 257,
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Mozilla/5.0 Firefox/140.0", [],
        ["a", 1], [{"product_id": "p", "quantity": 1, "unit_price": "1.0"}], [{"product_id": 7}], {"a": 1},
    ]
)  # fmt: skip


def changed(event: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """Draws the event with other values in up to four fields."""
    values = ODD_VALUES | JSON_VALUES
    changes = st.dictionaries(st.sampled_from([*event]), values, max_size=4)
    lost = st.lists(st.sampled_from([*event]), max_size=4)
    return st.builds(lambda change, names: encode(without(event | change, *names)), changes, lost)


CHANGED_CLICKS = changed(full_click)
CHANGED_CHECKOUTS = changed(full_checkout)
