"""Payloads of envelopes that AWS services put around events."""

from collections.abc import Mapping
from typing import Any

from local.reconciliation.contract.json_text import Object, decode_at

OWN_FIELDS = {"click_id", "checkout_id", "refund_id", "user_id"}
SQS_FIELDS = {"messageId", "MessageId", "receiptHandle", "ReceiptHandle"}


def payload_of(value: Object) -> object:
    """Returns what an EventBridge, SNS, SQS or DynamoDB envelope carries; returns `value` if it is no envelope."""
    if value.keys() & OWN_FIELDS:
        return value
    payload: object = value
    if "detail-type" in value and "detail" in value:
        payload = value["detail"]
    elif "Message" in value and (value.get("Type") == "Notification" or "TopicArn" in value):
        payload = value["Message"]
    elif value.keys() & SQS_FIELDS and value.keys() & {"body", "Body"}:
        payload = value.get("body", value.get("Body"))
    elif isinstance(change := value.get("dynamodb"), Object):
        payload = _new_image(change)
    return payload


def _new_image(change: Object) -> object:
    """Returns the new image as a JSON object, or null without a readable one."""
    try:
        return _plain({"M": change["NewImage"]})
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None


def _plain(typed: Mapping[str, Any]) -> object:
    """Returns a DynamoDB attribute value, such as {"N": "5"}, as a JSON value."""
    ((kind, value),) = typed.items()
    if kind == "M":
        plain = Object((name, _plain(member)) for name, member in value.items())
        plain.twice = value.twice
        return plain
    if kind == "L":
        return [_plain(member) for member in value]
    if kind == "N":
        return decode_at(value, 0)[0]
    return None if kind == "NULL" else value
