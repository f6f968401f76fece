"""Section 1 of the event contract: from a record's bytes to events."""

import base64
import gzip
import json

import pytest

from local.reconciliation.contract import Outcome
from tests.local.reconciliation.sending import CLICK, cloudwatch, encode, envelopes, kpl, outcomes

FIRST, SECOND = encode(CLICK | {"click_id": "c1"}), encode(CLICK | {"click_id": "c2"})
BROKEN = b'{"click_id":'
BOTH = ["c1", "c2"]


def names(data: bytes) -> list[str]:
    """Returns each piece's id, the reason why it is refused, or "ignored"."""
    return [name(outcome) for outcome in outcomes(data)]


def name(outcome: Outcome) -> str:
    return outcome.event.id if outcome.event else outcome.reason or "ignored"


@pytest.mark.parametrize(
    "data",
    [
        FIRST + b"\n" + SECOND + b"\n",
        FIRST + b"\r\n\r\n" + SECOND,
        FIRST + b"\r" + SECOND,
        FIRST + SECOND,
        b"[" + FIRST + b", " + SECOND + b"]",
        b"\xef\xbb\xbf  " + FIRST + b"\n" + SECOND + b"  ",
        json.dumps(CLICK | {"click_id": "c1"}, indent=2).encode() + b"\n" + SECOND,
        gzip.compress(FIRST + b"\n" + SECOND),
        gzip.compress(FIRST) + gzip.compress(SECOND),
        gzip.compress(gzip.compress(FIRST + SECOND)),
        kpl(FIRST, SECOND),
        kpl(gzip.compress(FIRST), SECOND),
        cloudwatch(FIRST.decode(), SECOND.decode()),
        base64.b64encode(FIRST + SECOND),
        base64.b64encode(gzip.compress(FIRST + SECOND)) + b"\n",
        base64.b64encode(cloudwatch(FIRST.decode(), SECOND.decode())),
        encode(FIRST.decode()) + b"\n" + encode(SECOND.decode()),
        encode([base64.b64encode(FIRST).decode(), SECOND.decode()]),
    ],
    ids=range(18),
)
def test_a_record_may_hold_several_events(data: bytes) -> None:
    assert names(data) == BOTH


@pytest.mark.parametrize("envelope", envelopes(CLICK), ids=["EventBridge", "SNS", "SQS", "DynamoDB"])
def test_an_envelope_stands_for_its_payload(envelope: dict[str, object]) -> None:
    assert names(encode(envelope)) == ["c"]


def test_an_envelope_in_an_envelope_stands_for_its_payload() -> None:
    in_sns = {"Type": "Notification", "Message": json.dumps(CLICK)}
    assert names(encode({"messageId": "1", "body": json.dumps(in_sns)})) == ["c"]


def test_an_event_is_no_envelope_because_of_an_unknown_field() -> None:
    assert names(encode(CLICK | {"messageId": "1", "body": "text", "detail": {}, "detail-type": "x"})) == ["c"]


@pytest.mark.parametrize(
    "data", [b"", b" \r\n", b"\xef\xbb\xbf", b"[]", b"[ ]", gzip.compress(b""), kpl(), cloudwatch()], ids=range(8)
)
def test_a_record_without_an_event_is_ignored(data: bytes) -> None:
    assert names(data) == ["ignored"]


def test_a_control_message_is_ignored() -> None:
    message = {"messageType": "CONTROL_MESSAGE", "logEvents": [{"id": "", "timestamp": 0, "message": "test"}]}
    assert names(gzip.compress(encode(message))) == ["ignored"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (FIRST + b"\n" + BROKEN + b"\n" + SECOND, ["c1", "not JSON", "c2"]),
        (FIRST + b"\n" + b'{"x": "\xfc"}' + b"\n" + SECOND, ["c1", "not UTF-8", "c2"]),
        (FIRST + BROKEN, ["c1", "not JSON"]),
        (b"[" + FIRST + b", 5, " + SECOND + b"]", ["c1", "not a JSON object", "c2"]),
        (kpl(FIRST, BROKEN, SECOND), ["c1", "not JSON", "c2"]),
        (kpl(FIRST, b"", SECOND), ["c1", "ignored", "c2"]),
        (cloudwatch(FIRST.decode(), "text", SECOND.decode()), ["c1", "not JSON", "c2"]),
        (FIRST + b"\n" + encode(CLICK | {"user_id": None}) + SECOND, ["c1", "user_id: missing", "c2"]),
    ],
    ids=range(8),
)
def test_an_invalid_event_costs_its_neighbours_nothing(data: bytes, expected: list[str]) -> None:
    assert names(data) == expected


def test_a_dead_letter_holds_the_bytes_of_its_piece() -> None:
    assert [outcome.data for outcome in outcomes(FIRST + b"\n" + BROKEN + b"\n" + SECOND)][1] == BROKEN


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (kpl(FIRST)[:-1] + b"\0", "KPL aggregate with a wrong digest"),
        (gzip.compress(FIRST)[:-9], "gzip that ends too early"),
        (gzip.compress(FIRST)[:-8] + b"\0" * 8, "gzip that cannot be read"),
        (gzip.compress(b" " * (16 * 1024 * 1024 + 1)), "larger than 16 MiB after decompression"),
        (gzip.compress(gzip.compress(gzip.compress(FIRST))), "nested more than 2 deep"),
        (base64.b64encode(base64.b64encode(FIRST)), "not JSON"),
        (FIRST[:-1] + b', "x": "' + b"x" * 1024 * 1024 + b'"}', "larger than 1 MiB"),
        (b"\xff\xfe", "not UTF-8"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b"text", "not JSON"),
        (FIRST[:-1] + b', "x": ' + b"[" * 100_000 + b"}", "JSON that is nested too deep"),
    ],
    ids=range(12),
)
def test_a_refusal_says_what_it_was(data: bytes, reason: str) -> None:
    assert names(data) == [reason]


def test_nesting_is_bounded_for_encodings_and_for_envelopes() -> None:
    aggregates = [kpl(FIRST), kpl(kpl(FIRST)), kpl(kpl(kpl(FIRST)))]
    assert [names(data) for data in aggregates] == [["c1"], ["c1"], ["nested more than 2 deep"]]
    assert names(gzip.compress(gzip.compress(aggregates[1]))) == ["c1"]
    assert names(gzip.compress(base64.b64encode(gzip.compress(FIRST)))) == ["nested more than 2 deep"]


def test_the_bound_holds_for_the_whole_record() -> None:
    half = gzip.compress(b" " * (9 * 1024 * 1024))
    assert names(kpl(half, half)) == ["ignored", "larger than 16 MiB after decompression"]
