"""Records of several events, in envelopes or of foreign shape."""

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any, cast

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, REFUND
from runtime.attribution_job.events.mapping import EventMapping, Mapped, load_mapping
from runtime.attribution_job.events.parsing import read
from runtime.attribution_job.events.reading import Outcome, outcomes
from tests.runtime.attribution_job.events.examples import (
    ARRIVAL,
    checkout,
    click,
    encode,
    parsed,
    records,
    refund,
    rows_of,
    without,
)


def summary(outcome: Outcome) -> tuple[int, str | None, str | None]:
    """Returns the index, the event's id, and the reason of a refusal."""
    event_id = outcome.event[outcome.contract.id] if outcome.event and outcome.contract else None
    return outcome.index, event_id, outcome.reason


def test_an_event_in_an_envelope_is_read() -> None:
    envelope = {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "Click",
        "source": "shop",
        "account": "111122223333",
        "time": "2026-11-23T11:59:59Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": click | {"user_id": 7},
    }
    (outcome,) = outcomes(encode(envelope), ARRIVAL, CLICK)
    assert outcome.event is not None
    assert (outcome.event["user_id"], outcome.event["unknown_fields"]) == ("7", 0)


def test_sales_and_refunds_can_share_a_record() -> None:
    data = gzip.compress(b"".join([encode(checkout), encode(refund), b"{}", encode(refund | {"amount": "-1"})]))
    results = outcomes(base64.b64encode(data), ARRIVAL, CHECKOUT)
    assert [summary(outcome) for outcome in results] == [
        (0, "k1", None), (1, "r1", None), (2, None, "checkout_id: missing"), (3, None, "amount: negative"),
    ]  # fmt: skip
    assert [outcome.contract for outcome in results] == [CHECKOUT, REFUND, CHECKOUT, REFUND]


def test_a_refusal_keeps_the_bytes_of_its_event_only() -> None:
    bad = encode(click | {"user_id": "guest"})
    _, refused = outcomes(encode(click) + b"\n" + bad, ARRIVAL, CLICK)
    assert (refused.data, refused.reason) == (bad, "user_id: a placeholder")


class Basket:
    """A mapping that makes a sale of each entry of `orders`, and a click of `page`."""

    def apply(self, value: Mapping[str, Any]) -> list[Mapped]:
        orders = [Mapped("checkout", checkout | {"checkout_id": order}) for order in value.get("orders", [])]
        return [*orders, *[Mapped("click", click | {"page_url": value["page"]}) for _ in value if "page" in value]]


BASKET = cast(EventMapping, Basket())


def test_mapped_events_are_numbered_through_the_record() -> None:
    data = b"\n".join(encode(value) for value in ({"orders": ["a", "0"]}, {"other": 1}, {"page": "/"}))
    assert [summary(outcome) for outcome in outcomes(data, ARRIVAL, CLICK, BASKET)] == [
        (0, "a", None), (1, None, "checkout_id: a placeholder"), (2, None, None), (3, "c1", None),
    ]  # fmt: skip
    tables = read(records([data, b"{", b""]), CLICK, BASKET)
    assert [len(table) for table in tables] == [1, 1, 0, 4]
    indexes = [(row["sequence_number"], row["record_index"]) for row in rows_of(tables)]
    assert indexes == [("0", 0), ("0", 1), ("0", 2), ("0", 3), ("1", 0), ("2", 0)]


def test_a_mapping_reads_foreign_events_of_any_kind() -> None:
    track = {"type": "track", "messageId": "m1", "userId": "u1", "timestamp": "2026-11-23T11:00:00Z"}
    order = {"order_id": "k9", "total": 19.9, "currency": "eur"}
    data = [
        encode(track | {"event": "Order Completed", "properties": order}),
        encode(track | {"event": "Song Played"}),
        encode(without(track, "event") | {"type": "page", "context": {"page": {"url": "https://shop.example/"}}}),
    ]
    tables = read(records(data), CLICK, load_mapping("segment"))
    assert tables.click["click_id"].to_pylist() == ["m1"]
    assert tables.checkout.select(["checkout_id", "total_amount", "currency"]).to_pylist() == [
        {"checkout_id": "k9", "total_amount": "19.90", "currency": "EUR"}
    ]
    assert tables.dead_letter.select(["sequence_number", "reason"]).to_pylist() == [
        {"sequence_number": "1", "reason": None}
    ]


def test_an_event_with_many_fields_of_others_is_read() -> None:
    row = parsed(CLICK, [json.dumps(click | {f"field {number}": number for number in range(500)}).encode()])[0]
    assert (row["click_id"], row["unknown_fields"]) == ("c1", 500)
