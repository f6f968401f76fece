"""Builders of records in the formats of AWS services, as their documentation shows them."""

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from runtime.attribution_job.events.framing import Piece, unpack

CLICK = b'{"click_id":"c1","user_id":"u1","click_timestamp":"2026-03-01T10:00:00.000Z","utm_source":"google"}'
CHECKOUT = (
    b'{"checkout_id": "k1", "user_id": "u1", "items": [{"product_id": "p1", "quantity": 2, "unit_price": 19.950}], '
    b'"total_amount": 39.90, "currency": "EUR", "checkout_timestamp": "2026-03-01T10:20:00Z"}'
)
BROKEN = b'{"click_id":'


def varint(number: int) -> bytes:
    """Encodes a number in base-128 groups, the lowest group first."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def field(number: int, value: bytes) -> bytes:
    """Encodes a length-delimited field of Protocol Buffers."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def aggregate_of(message: bytes) -> bytes:
    return b"\xf3\x89\x9a\xc2" + message + hashlib.md5(message).digest()


def kpl(records: Sequence[bytes]) -> bytes:
    """Returns an aggregated record of the Kinesis Producer Library, with one partition key a record."""
    keys = b"".join(field(1, b"user-%d" % index) for index in range(len(records)))
    entries = [field(3, b"\x08" + varint(index) + field(3, data)) for index, data in enumerate(records)]
    return aggregate_of(keys + b"".join(entries))


def in_string(data: bytes) -> bytes:
    """Returns the JSON string of a text."""
    return json.dumps(data.decode()).encode()


def log_events(messages: Sequence[str], message_type: str = "DATA_MESSAGE") -> bytes:
    """Returns the payload of a CloudWatch Logs subscription, before its compression."""
    identity = {"owner": "123456789012", "logGroup": "/shop/events", "logStream": "web-1"}
    events = [{"id": f"3195310660{i}", "timestamp": 1772359200000, "message": text} for i, text in enumerate(messages)]
    return json.dumps(
        {"messageType": message_type, **identity, "subscriptionFilters": ["shop"], "logEvents": events}
    ).encode()


def notification(message: str) -> bytes:
    """Returns the document that SNS sends without raw message delivery."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:us-west-2:123456789012:shop",
            "Message": message,
            "Timestamp": "2026-03-01T10:00:00.123Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE==",
            "SigningCertURL": "https://sns.us-west-2.amazonaws.com/SimpleNotificationService.pem",
            "UnsubscribeURL": "https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe",
        }
    ).encode()


def queue_message(body: str) -> dict[str, Any]:
    """Returns an SQS message as Lambda's events have it."""
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1772359200000"},
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode()).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:shop",
        "awsRegion": "us-east-2",
    }


def bus_event(detail: bytes) -> bytes:
    """Returns an event of EventBridge; `detail` is JSON text."""
    return (
        b'{"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": "Checkout", "source": "shop", '
        b'"account": "111122223333", "time": "2026-03-01T10:20:00Z", "region": "eu-west-1", "resources": [], '
        b'"detail": ' + detail + b"}"
    )


def table_change(name: str, images: dict[str, Any]) -> bytes:
    """Returns a record of Kinesis Data Streams for DynamoDB."""
    return json.dumps(
        {
            "awsRegion": "eu-west-1",
            "eventID": "b0b3f1e6-4f4e-4a50-8d7b-6d6d4a1d2c11",
            "eventName": name,
            "userIdentity": None,
            "recordFormat": "application/json",
            "tableName": "orders",
            "dynamodb": {
                "ApproximateCreationDateTime": 1772360400000,
                "Keys": {"checkout_id": {"S": "k1"}},
                **images,
                "SizeBytes": 120,
            },
            "eventSource": "aws:dynamodb",
        }
    ).encode()


def lambda_kinesis_record(data: bytes) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "u1",
            "sequenceNumber": "49590338271490256608559692538361571095921575989136588898",
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": 1772360400.1,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000006:49590338271490256608559692538361571095921575989136588898",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda-role",
        "awsRegion": "us-east-2",
        "eventSourceARN": "arn:aws:kinesis:us-east-2:123456789012:stream/shop",
    }


def lambda_notification(message: str) -> dict[str, Any]:
    return {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:shop:21be56ed",
        "Sns": json.loads(notification(message)),
    }


def lambda_event(*records: dict[str, Any]) -> bytes:
    return json.dumps({"Records": records}).encode()


def compressed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def events(record: bytes) -> list[bytes]:
    """Unpacks a record in which every piece is an event; returns their bytes."""
    pieces = unpack(record)
    assert pieces == [Piece(index, piece.data) for index, piece in enumerate(pieces)]
    return [piece.data for piece in pieces]


def reasons(record: bytes) -> list[str | None]:
    """Returns the reason of each piece: null for an event, "ignored" for a piece that is only counted."""
    return ["ignored" if piece.ignored else piece.reason for piece in unpack(record)]
