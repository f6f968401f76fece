"""Envelopes of AWS services."""

import base64
import json
from typing import Any

import pytest

from runtime.attribution_job.events.framing import Piece, unpack
from tests.runtime.attribution_job.events.framing.records import (
    BROKEN,
    CHECKOUT,
    CLICK,
    bus_event,
    compressed,
    events,
    kpl,
    lambda_event,
    lambda_kinesis_record,
    lambda_notification,
    log_events,
    notification,
    queue_message,
    reasons,
    table_change,
)


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def test_each_log_message_is_a_record_of_its_own() -> None:
    record = compressed(log_events([CLICK.decode(), f"{CLICK.decode()}\n{CHECKOUT.decode()}\n", BROKEN.decode()]))
    assert [(piece.data, piece.reason) for piece in unpack(record)] == [
        (CLICK, None),
        (CLICK, None),
        (CHECKOUT, None),
        (BROKEN, "not JSON"),
    ]


def test_a_control_message_is_ignored() -> None:
    check = log_events(["CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."], "CONTROL_MESSAGE")
    assert reasons(compressed(check)) == ["ignored"]
    assert reasons(compressed(log_events([]))) == ["ignored"]
    assert reasons(check + log_events([CLICK.decode()])) == ["ignored", None]


@pytest.mark.parametrize(
    "envelope",
    [
        bus_event(CHECKOUT),
        notification(CHECKOUT.decode()),
        encoded(queue_message(CHECKOUT.decode())),
        encoded({"MessageId": "1", "ReceiptHandle": "r", "MD5OfBody": "5", "Body": CHECKOUT.decode()}),
        lambda_event(queue_message(CHECKOUT.decode())),
        lambda_event(lambda_notification(CHECKOUT.decode())),
        lambda_event(lambda_kinesis_record(CHECKOUT)),
        b'{"messageId": "1", "receiptHandle": "r", "body": %b}' % CHECKOUT,
    ],
)
def test_the_payload_of_an_envelope_is_the_event_with_its_exact_bytes(envelope: bytes) -> None:
    assert events(envelope) == [CHECKOUT]
    assert events(b"[%b, %b]" % (envelope, CLICK)) == [CHECKOUT, CLICK]
    assert events(envelope + b"\n" + CLICK) == [CHECKOUT, CLICK]


def test_numbers_in_a_detail_keep_their_digits() -> None:
    detail = b'{"total_amount":39.90,"big":12345678901234567890.10,"exponent":1e3,"zero":-0.0}'
    assert events(bus_event(detail)) == [detail]


def test_a_payload_may_hold_several_events() -> None:
    assert events(notification(f"[{CLICK.decode()},{CHECKOUT.decode()}]")) == [CLICK, CHECKOUT]
    assert events(bus_event(b"[%b]" % CLICK)) == [CLICK]
    assert events(encoded(queue_message(base64.b64encode(compressed(CLICK)).decode()))) == [CLICK]


def test_the_records_of_a_lambda_event_are_read_each_by_itself() -> None:
    record = lambda_event(
        queue_message(CLICK.decode()),
        lambda_notification(CHECKOUT.decode()),
        lambda_kinesis_record(kpl([CLICK, BROKEN])),
        json.loads(table_change("REMOVE", {})),
        {"eventSource": "aws:s3", "s3": {"bucket": {"name": "shop"}}},
        {"eventSource": "aws:kinesis", "kinesis": {"data": "no base64!"}},
    )
    assert reasons(record) == [
        *[None, None, None, "not JSON", "ignored", None],
        "Kinesis record in an envelope: not base64",
    ]


def test_an_item_of_dynamodb_becomes_plain_json_with_exact_numbers() -> None:
    item: dict[str, Any] = {
        "checkout_id": {"S": "k\u20ac"},
        "total_amount": {"N": "39.90"},
        "revision": {"N": "2"},
        "test": {"BOOL": False},
        "note": {"NULL": True},
        "items": {"L": [{"M": {"product_id": {"S": "p1"}, "unit_price": {"N": "12345678901234567890.120"}}}]},
        "tags": {"SS": ["a", "b"]},
        "sizes": {"NS": ["1", "2.50"]},
        "raw": {"B": "AAEC"},
    }
    (event,) = events(table_change("INSERT", {"NewImage": item}))
    assert b'"total_amount":39.90,' in event
    assert json.loads(event, parse_float=str) == {
        "checkout_id": "k\u20ac",
        "total_amount": "39.90",
        "revision": 2,
        "test": False,
        "note": None,
        "items": [{"product_id": "p1", "unit_price": "12345678901234567890.120"}],
        "tags": ["a", "b"],
        "sizes": [1, "2.50"],
        "raw": "AAEC",
    }


@pytest.mark.parametrize(
    ("name", "images", "expected"),
    [
        ("REMOVE", {"OldImage": {"checkout_id": {"S": "k1"}}}, "ignored"),
        ("MODIFY", {"NewImage": {"checkout_id": {"S": "k1"}}, "OldImage": {}}, None),
        ("MODIFY", {}, "DynamoDB record without NewImage"),
        ("INSERT", {"NewImage": {"checkout_id": "k1"}}, "DynamoDB item: expected typed values"),
        ("INSERT", {"NewImage": {"checkout_id": {"X": "k1"}}}, "DynamoDB item: expected typed values"),
        ("INSERT", {"NewImage": [1]}, "DynamoDB item: expected typed values"),
    ],
)
def test_changes_of_a_table(name: str, images: dict[str, Any], expected: str | None) -> None:
    assert reasons(table_change(name, images)) == [expected]


@pytest.mark.parametrize("our_id", ["click_id", "checkout_id", "refund_id"])
@pytest.mark.parametrize(
    "envelope",
    [
        *(bus_event(CLICK), notification(CLICK.decode()), encoded(queue_message(CLICK.decode()))),
        *(log_events([CLICK.decode()]), table_change("REMOVE", {}), lambda_event(queue_message(CLICK.decode()))),
    ],
)
def test_an_event_with_our_id_is_no_envelope(envelope: bytes, our_id: str) -> None:
    event = encoded({our_id: "x"} | json.loads(envelope))
    assert unpack(event) == [Piece(0, event)]


@pytest.mark.parametrize(
    "event",
    [
        *({"body": CLICK.decode()}, {"detail": {"click_id": "c"}}, {"Message": CLICK.decode()}, {"Records": []}),
        *({"detail-type": "x"}, {"Type": "Notification"}, {"Records": [{"a": 1}]}, {"messageType": "DATA_MESSAGE"}),
        *({"messageId": "1"}, {"logEvents": []}, {"Records": {"a": 1}}, {"eventName": "INSERT"}, {"Records": [1, 2]}),
        *({"eventName": "purchase", "dynamodb": "x"}, {"kinesis": {"data": ""}}),
        {"Type": "Notification", "MessageId": "1", "TopicArn": "t", "Message": None},
    ],
)
def test_half_a_signature_is_no_envelope(event: dict[str, Any]) -> None:
    assert unpack(encoded(event)) == [Piece(0, encoded(event))]


@pytest.mark.parametrize(
    "envelope",
    [
        *({"Type": "Notification", "Message": CLICK.decode()}, {"TopicArn": "t", "Message": CLICK.decode()}),
        *({"messageId": "1", "body": CLICK.decode()}, {"ReceiptHandle": "r", "Body": CLICK.decode()}),
        {"detail-type": "click", "detail": json.loads(CLICK)},
        {"messageType": "DATA_MESSAGE", "logEvents": [{"message": CLICK.decode()}]},
        {"dynamodb": {"NewImage": {"click_id": {"S": "c"}}}},
    ],
)
def test_members_that_a_relay_left_out_are_not_asked_for(envelope: dict[str, Any]) -> None:
    (piece,) = unpack(encoded(envelope))
    assert json.loads(piece.data)["click_id"]


def test_two_containers_are_read_and_a_third_is_refused() -> None:
    in_topic = notification(CLICK.decode())
    in_queue = encoded(queue_message(in_topic.decode()))
    assert events(in_queue) == [CLICK]
    assert events(lambda_event(queue_message(in_topic.decode()))) == [CLICK]
    assert events(kpl([compressed(log_events([CLICK.decode()]))])) == [CLICK]
    assert events(notification(bus_event(CLICK).decode())) == [CLICK]
    assert unpack(kpl([in_queue, CLICK])) == [Piece(0, in_topic, "nested more than 2 deep"), Piece(1, CLICK)]
    assert reasons(kpl([kpl([kpl([CLICK])])])) == ["nested more than 2 deep"]
