"""Events as JSON, and their reading by the second implementation of the contract."""

import gzip
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from local.reconciliation.contract import Event, Outcome, read_record
from runtime.data_generator.events import Stream

ARRIVED = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLICK: dict[str, Any] = {"click_id": "c", "user_id": "u", "click_timestamp": "2026-11-23T11:00:00.000Z"}
CHECKOUT: dict[str, Any] = {
    "checkout_id": "k",
    "user_id": "u",
    "checkout_timestamp": "2026-11-23T11:00:00.000Z",
    "total_amount": "19.90",
    "currency": "EUR",
}
REFUND: dict[str, Any] = {
    "refund_id": "r",
    "checkout_id": "k",
    "user_id": "u",
    "refund_timestamp": "2026-11-23T11:30:00.000Z",
    "amount": "5.00",
    "currency": "EUR",
}


def encode(event: object) -> bytes:
    return json.dumps(event).encode()


def outcomes(data: bytes, stream: Stream = "clicks") -> list[Outcome]:
    return read_record(stream, data, ARRIVED)


def read(data: bytes, stream: Stream) -> Event | str:
    """Returns the only event of a record, or the reason why it is refused."""
    (outcome,) = outcomes(data, stream)
    assert outcome.event or outcome.reason
    return outcome.event or outcome.reason or ""


def click(**changes: object) -> Event | str:
    return read(encode(CLICK | changes), "clicks")


def checkout(**changes: object) -> Event | str:
    return read(encode(CHECKOUT | changes), "checkouts")


def refund(**changes: object) -> Event | str:
    return read(encode(REFUND | changes), "checkouts")


def accepted(event: Event | str) -> Event:
    assert isinstance(event, Event), event
    return event


def repairs(event: Event | str) -> list[str]:
    names: list[str] = accepted(event).details["repairs"]
    return names


def kpl(*records: bytes) -> bytes:
    """Returns a KPL aggregate."""
    message = _field(1, b"key") + b"".join(_field(3, b"\x08\x00" + _field(3, record)) for record in records)
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


def _field(number: int, value: bytes) -> bytes:
    length, size = b"", len(value)
    while size >= 0x80:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


def cloudwatch(*messages: str) -> bytes:
    """Returns the payload of a CloudWatch Logs subscription, as it is sent to Kinesis."""
    events = [{"id": str(number), "timestamp": 0, "message": message} for number, message in enumerate(messages)]
    return gzip.compress(encode({"messageType": "DATA_MESSAGE", "logGroup": "shop", "logEvents": events}))


def envelopes(event: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """Returns the event in each kind of envelope."""
    text = json.dumps(event)
    image = {name: {"S": value} for name, value in event.items()}
    return (
        {"version": "0", "detail-type": "click", "source": "shop", "detail": event},
        {"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:1:shop", "Message": text},
        {"messageId": "1", "receiptHandle": "h", "body": text, "eventSource": "aws:sqs"},
        {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {"Keys": {}, "NewImage": image}},
    )
