"""Envelopes of AWS services: JSON documents that carry the events of others.

An object is an envelope when it has the members by which a service's documents are known, and none of our ids. Members
that a relay may have left out are not asked for. Payloads are slices of the document, so that their numbers stay exact.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from runtime.attribution_job.events.framing import base64_text, dynamodb
from runtime.attribution_job.events.framing.json_scanning import elements, members
from runtime.attribution_job.events.framing.json_string import characters
from runtime.attribution_job.events.framing.parts import FramingError

# The JSON texts of an object's members.
Fields: TypeAlias = Mapping[bytes, bytes]
# The bytes of records inside an envelope. Empty: the envelope tells nothing about events.
Payloads: TypeAlias = Iterable[bytes]

OUR_IDS = frozenset({b"click_id", b"checkout_id", b"refund_id", b"user_id"})
SIGNATURES = frozenset(
    {
        *(b"Type", b"MessageId", b"TopicArn", b"Message"),
        *(b"messageId", b"receiptHandle", b"body", b"ReceiptHandle", b"Body"),
        *(b"detail-type", b"source", b"detail"),
        *(b"messageType", b"logEvents"),
        *(b"eventName", b"dynamodb"),
        *(b"Records", b"eventSource", b"EventSource", b"Sns", b"kinesis"),
    }
)
ALL_NAMES = OUR_IDS | SIGNATURES
# A part of each signature that few other objects have. Finding none is cheaper than reading the members.
HINTS = (b'"Message"', b'"body"', b'"Body"', b"detail-type", b"messageType", b"dynamodb", b"Records")
NOT_BASE64 = "Kinesis record in an envelope: not base64"
NO_NEW_IMAGE = "DynamoDB record without NewImage"


def may_be_envelope(data: bytes) -> bool:
    """Tells whether a look at the members of an object can find an envelope."""
    return any(hint in data for hint in HINTS)


def lambda_records(data: bytes) -> Iterator[bytes] | None:
    """Returns the entries of a Lambda function's event, `{"Records": […]}`; None for other objects."""
    if b'"Records"' not in data:
        return None
    fields = _fields(data)
    records = fields.get(b"Records", b"")
    if OUR_IDS & fields.keys() or not records.startswith(b"["):
        return None
    has_records = False
    for record in elements(records):
        if not _event_source(_fields(record)).startswith("aws:"):
            return None
        has_records = True
    return elements(records) if has_records else None


def payloads_of(data: bytes, *, is_lambda_record: bool = False) -> Payloads | None:
    """Returns the payloads of an envelope: each is a record of its own. Returns None for other objects.

    Raises:
        FramingError: the payload cannot be read.
    """
    fields = _fields(data)
    if OUR_IDS & fields.keys():
        return None
    source = _event_source(fields) if is_lambda_record else None
    if source == "aws:kinesis":
        return _kinesis_data(_fields(fields.get(b"kinesis", b""), b"data"))
    if source == "aws:sns":
        return _notification(_fields(fields.get(b"Sns", b"")))
    for signature in (_notification, _queue_message, _bus_event, _log_events, _table_item):
        if (payloads := signature(fields)) is not None:
            return payloads
    return None


def _notification(fields: Fields) -> Payloads | None:
    """Amazon SNS: https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html"""
    if fields.get(b"Type") == b'"Notification"' or b"TopicArn" in fields:
        return _content(fields.get(b"Message"))
    return None


def _queue_message(fields: Fields) -> Payloads | None:
    """Amazon SQS, with the names of Lambda's events or with those of the API.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Message.html
    """
    if {b"messageId", b"receiptHandle"} & fields.keys() and b"body" in fields:
        return _content(fields[b"body"])
    if {b"MessageId", b"ReceiptHandle"} & fields.keys() and b"Body" in fields:
        return _content(fields[b"Body"])
    return None


def _bus_event(fields: Fields) -> Payloads | None:
    """Amazon EventBridge: https://docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html"""
    return _content(fields.get(b"detail")) if b"detail-type" in fields else None


def _log_events(fields: Fields) -> Payloads | None:
    """CloudWatch Logs: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"""
    if fields.get(b"messageType") == b'"CONTROL_MESSAGE"':
        return ()
    events = fields.get(b"logEvents", b"")
    if fields.get(b"messageType") != b'"DATA_MESSAGE"' or not events.startswith(b"["):
        return None
    return (characters(_fields(event, b"message").get(b"message", event)) for event in elements(events))


def _table_item(fields: Fields) -> Payloads | None:
    """DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html

    Raises:
        FramingError: the record has no new image, and is no deletion.
    """
    change, name = fields.get(b"dynamodb", b""), fields.get(b"eventName")
    if not change.startswith(b"{"):
        return None
    image = _fields(change, b"NewImage").get(b"NewImage", b"null")
    if image != b"null":
        return (dynamodb.plain_json(image),)
    if name == b'"REMOVE"':
        return ()
    raise FramingError(NO_NEW_IMAGE)


def _kinesis_data(fields: Fields) -> Payloads | None:
    """Lambda's events of Kinesis: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html

    Raises:
        FramingError: the data is not base64.
    """
    if b"data" not in fields:
        return None
    data = base64_text.decode(characters(fields[b"data"]))
    if data is None:
        raise FramingError(NOT_BASE64)
    return (data,)


def _content(value: bytes | None) -> Payloads | None:
    return (characters(value),) if value and value[:1] in (b'"', b"{", b"[") else None


def _event_source(fields: Fields) -> str:
    return characters(fields.get(b"eventSource", fields.get(b"EventSource", b""))).decode("utf-8", "replace")


def _fields(value: bytes, *names: bytes) -> dict[bytes, bytes]:
    """Returns members of an object: those with one of the names, by default those of all signatures."""
    return members(value, names or ALL_NAMES) if value.startswith(b"{") else {}
