"""Labels, flags, revisions and versions: no reason to lose an event."""

from typing import Any

import pytest

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from tests.runtime.attribution_job.events.examples import accepted, checkout, click, encode, outcome

UNUSABLE = ["unusable_fields"]
SCALAR = ["label_from_scalar"]


@pytest.mark.parametrize(
    ("value", "stored", "repairs"),
    [
        ("s", "s", []),
        (None, None, []),
        ("", "", []),
        (" s ", " s ", []),
        (1772359200, "1772359200", SCALAR),
        (788032119674292900, "788032119674292900", SCALAR),
        (2.0, "2", SCALAR),
        (1.5, "1.5", SCALAR),
        (True, "true", SCALAR),
        (False, "false", SCALAR),
        (["a", "b"], "a", ["label_from_list"]),
        ([None, {}, 7], "7", ["label_from_list"]),
        ([], None, UNUSABLE),
        ([None], None, UNUSABLE),
        ([["a"]], None, UNUSABLE),
        ({"a": 1}, None, UNUSABLE),
        (float("nan"), None, UNUSABLE),
        ("x\0y", "x\ufffdy", ["replaced_text"]),
        ("half \ud83d", "half \ufffd", ["replaced_text"]),
        ("\ude00\ud83d", "\ufffd\ufffd", ["replaced_text"]),
        ("whole \U0001f600", "whole \U0001f600", []),
        ("\\u0000 \\ud83d", "\\u0000 \\ud83d", []),
        ("\ufffd", "\ufffd", []),
        (["\0"], "\ufffd", ["label_from_list", "replaced_text"]),
    ],
)
def test_a_label_is_read_as_text_or_null(value: Any, stored: str | None, repairs: list[str]) -> None:
    event = accepted(CLICK, click | {"session_id": value})
    assert (event["session_id"], event["repairs"]) == (stored, repairs)
    event = accepted(CHECKOUT, checkout | {"payment_method": value})
    assert (event["payment_method"], event["repairs"]) == (stored, repairs)


def test_a_long_number_is_no_reason_to_lose_an_event() -> None:
    digits = b"7" * 5_000
    assert accepted(CLICK, encode(click).replace(b'"s1"', digits))["session_id"] == digits.decode()
    assert accepted(CLICK, encode(click).replace(b'"s1"', b"1e999999999999"))["session_id"] == "1E+999999999999"
    event = accepted(CLICK, encode(click).replace(b'"s1"', b"1e99999999999999999999"))
    assert (event["session_id"], event["repairs"]) == (None, UNUSABLE)


@pytest.mark.parametrize(
    ("value", "stored", "repairs"),
    [
        (True, True, []),
        (False, False, []),
        (None, False, []),
        (1, True, ["flag_spelling"]),
        (1.0, True, ["flag_spelling"]),
        ("TRUE", True, ["flag_spelling"]),
        ("1", True, ["flag_spelling"]),
        (" yes ", True, ["flag_spelling"]),
        (0, False, ["flag_spelling"]),
        ("false", False, ["flag_spelling"]),
        ("No", False, ["flag_spelling"]),
        ("", False, ["flag_spelling"]),
        ("maybe", False, UNUSABLE),
        (2, False, UNUSABLE),
        ([True], False, UNUSABLE),
        ({}, False, UNUSABLE),
        (float("nan"), False, UNUSABLE),
    ],
)
def test_a_flag_is_read_as_true_or_false(value: Any, stored: bool, repairs: list[str]) -> None:
    event = accepted(CHECKOUT, checkout | {"cancelled": value, "test": False})
    assert (event["cancelled"], event["test"], event["repairs"]) == (stored, False, repairs)
    event = accepted(CHECKOUT, checkout | {"test": value})
    assert (event["cancelled"], event["test"], event["repairs"]) == (False, stored, repairs)
    event = accepted(CLICK, click | {"is_bot": value})
    assert (event["is_bot"], event["repairs"]) == (stored, repairs)


@pytest.mark.parametrize(
    ("value", "stored", "repairs"),
    [
        (None, 0, []),
        (0, 0, []),
        (3, 3, []),
        (2.0, 2, ["revision_spelling"]),
        (" 2 ", 2, ["revision_spelling"]),
        (2**63 - 1, 2**63 - 1, []),
        (2**63, 0, UNUSABLE),
        (-1, 0, UNUSABLE),
        (1.5, 0, UNUSABLE),
        (True, 0, UNUSABLE),
        ("second", 0, UNUSABLE),
        ("", 0, UNUSABLE),
        ([2], 0, UNUSABLE),
    ],
)
def test_a_revision_is_a_whole_number(value: Any, stored: int, repairs: list[str]) -> None:
    event = accepted(CHECKOUT, checkout | {"revision": value})
    assert (event["revision"], event["repairs"]) == (stored, repairs)


@pytest.mark.parametrize("value", [1.0, "1", " 1 ", "1.0", "", " "])
def test_the_version_can_be_spelled_otherwise(value: Any) -> None:
    assert accepted(CLICK, click | {"schema_version": value})["repairs"] == ["schema_version_spelling"]


@pytest.mark.parametrize("value", [2, 0, 1.5, "2", "one", True, [1], {}])
def test_another_version_is_refused(value: Any) -> None:
    assert outcome(CLICK, click | {"schema_version": value}).reason == "schema_version: expected 1"
