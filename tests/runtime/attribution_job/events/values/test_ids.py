"""Ids: what is taken, how it is written, and what would unite strangers."""

from typing import Any

import pytest

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, REFUND
from tests.runtime.attribution_job.events.examples import accepted, checkout, click, encode, outcome, refund, without


@pytest.mark.parametrize(
    ("value", "stored", "repairs"),
    [
        ("u1", "u1", []),
        (7001, "7001", ["number_as_id"]),
        (-5, "-5", ["number_as_id"]),
        (7001.0, "7001", ["number_as_id"]),
        (2**63, "9223372036854775808", ["number_as_id"]),
        (" u1\t\n", "u1", ["trimmed_id"]),
        ("\u00a0u 1\u3000", "u 1", ["trimmed_id"]),
        ("Zoe\u0308", "Zo\u00eb", ["normalized_id"]),
        ("Zo\u00eb", "Zo\u00eb", []),
        (" e\u0301", "\u00e9", ["normalized_id", "trimmed_id"]),
        ("6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", ["lower_case_uuid"]),
        ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", []),
        ("ABC-DEF", "ABC-DEF", []),
        ("nullable", "nullable", []),
        ("00", "00", []),
        ("x" * 256, "x" * 256, []),
        ("e\u0301" * 256, "\u00e9" * 256, ["normalized_id"]),
    ],
)
def test_an_id_is_read(value: Any, stored: str, repairs: list[str]) -> None:
    event = accepted(CLICK, click | {"user_id": value})
    assert (event["user_id"], event["repairs"]) == (stored, repairs)


PLACEHOLDERS = [
    "null", "NULL", "undefined", "None", "nan", "NaN", "unknown", "Anonymous", "guest", " Guest ", "0", "-1", 0, -1,
    0.0, "00000000-0000-0000-0000-000000000000", "0" * 32, float("nan"),
]  # fmt: skip


@pytest.mark.parametrize("value", PLACEHOLDERS)
def test_a_placeholder_is_no_id(value: Any) -> None:
    assert outcome(CLICK, click | {"user_id": value}).reason == "user_id: a placeholder"
    assert outcome(CLICK, click | {"click_id": value}).reason == "click_id: a placeholder"
    assert outcome(CHECKOUT, checkout | {"checkout_id": value}).reason == "checkout_id: a placeholder"
    assert outcome(CHECKOUT, refund | {"refund_id": value}).reason == "refund_id: a placeholder"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"),
        ("", "empty"),
        (" \u2003", "empty"),
        ("x" * 257, "longer than 256 characters"),
        ("e\u0301" * 257, "longer than 256 characters"),
        ("\u0301" * 100_000, "longer than 256 characters"),
        (10**300, "longer than 256 characters"),
        (1.5, "expected a text or a whole number"),
        (float("inf"), "expected a text or a whole number"),
        (True, "expected a text or a whole number"),
        (["u1"], "expected a text or a whole number"),
        ({"id": "u1"}, "expected a text or a whole number"),
        ("a\0", "contains NUL"),
        ("a\ud83d", "contains half a surrogate pair"),
    ],
)
def test_another_value_is_no_id(value: Any, reason: str) -> None:
    assert outcome(CLICK, click | {"user_id": value}).reason == f"user_id: {reason}"


def test_a_number_with_an_exponent_is_an_id_if_it_is_whole() -> None:
    data = encode(click)
    assert accepted(CLICK, data.replace(b'"u1"', b"7.001e3"))["user_id"] == "7001"
    for number in (b"1e999999999", b"1e-5", b"1e99999999999999999999"):
        assert outcome(CLICK, data.replace(b'"u1"', number)).event is None


def test_each_kind_of_event_needs_all_its_ids() -> None:
    for contract, event in ((CLICK, click), (CHECKOUT, checkout), (REFUND, refund)):
        for field in contract.ids:
            assert outcome(contract, without(event, field)).reason == f"{field}: missing"
