"""Optional values in section 2 of the event contract: none of them costs an event, except another schema_version."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

import pytest

from tests.local.reconciliation.sending import CHECKOUT, accepted, checkout, click, read, repairs

EMOJI = "\U0001f600"
Item: TypeAlias = tuple[str | None, str | None, str | None]


@pytest.mark.parametrize(
    ("value", "text", "names"),
    [
        (None, None, []),
        ("", "", []),
        (" card ", " card ", []),
        (20260301, "20260301", ["label_from_scalar"]),
        (788032119674292900, "788032119674292900", ["label_from_scalar"]),
        (True, "true", ["label_from_scalar"]),
        (2.0, "2", ["label_from_scalar"]),
        (0.000001, "0.000001", ["label_from_scalar"]),
        (["card", "cash"], "card", ["label_from_list"]),
        ([None, {}, 7], "7", ["label_from_list"]),
        ([{}], None, ["unusable_fields"]),
        ({"a": 1}, None, ["unusable_fields"]),
        (float("nan"), None, ["unusable_fields"]),
        ("x\0", "x\ufffd", ["replaced_text"]),
        ("x\ud83d", "x\ufffd", ["replaced_text"]),
        (EMOJI, EMOJI, []),
    ],
    ids=range(16),
)
def test_a_label_never_costs_its_event(value: object, text: str | None, names: list[str]) -> None:
    event = accepted(checkout(payment_method=value))
    assert (event.details["payment_method"], repairs(event)) == (text, names)


@pytest.mark.parametrize(
    ("items", "expected", "names"),
    [
        (None, None, []),
        ([], [], []),
        ([{"product_id": "p", "quantity": 2, "unit_price": "9.95"}], [("p", "2", "9.95")], []),
        ([{"product_id": "p", "quantity": "2", "unit_price": 19.95}], [("p", "2", "19.95")], ["items_spelling"]),
        ([{"product_id": "p", "quantity": -1}], [("p", "-1", None)], []),
        ([{"quantity": 0.5}, {"quantity": 3000000000}], [(None, "0.5", None), (None, "3000000000", None)], []),
        ([{"quantity": "two"}], [(None, None, None)], ["unusable_fields"]),
        ([{"unit_price": True}], [(None, None, None)], ["unusable_fields"]),
        (["p-1", {"product_id": "p"}], [("p", None, None)], ["unusable_fields"]),
        ("[]", None, ["unusable_fields"]),
        ({"product_id": "p"}, None, ["unusable_fields"]),
    ],
    ids=range(11),
)
def test_items_never_cost_their_sale(items: object, expected: Sequence[Item] | None, names: list[str]) -> None:
    event = accepted(checkout(items=items))
    values = (
        expected
        if expected is None
        else [
            {"product_id": product, "quantity": quantity and Decimal(quantity), "unit_price": price and Decimal(price)}
            for product, quantity, price in expected
        ]
    )
    assert (event.details["items"], repairs(event)) == (values, names)


@pytest.mark.parametrize("version", [None, 1])
def test_schema_version_1_is_read(version: object) -> None:
    assert repairs(click(schema_version=version)) == []


@pytest.mark.parametrize("version", [1.0, "1", "1.0", ""])
def test_another_spelling_of_schema_version_1_is_counted(version: object) -> None:
    assert repairs(click(schema_version=version)) == ["schema_version_spelling"]


@pytest.mark.parametrize("version", [2, True, "2", [1], 1.5], ids=repr)
def test_another_schema_version_is_refused(version: object) -> None:
    assert click(schema_version=version) == "schema_version: not 1"


def test_unknown_fields_are_counted() -> None:
    event = accepted(click(colour="red", size=[1, {"x": "\0"}], page_url="/"))
    assert (event.details["unknown_fields"], repairs(event)) == (2, [])


def with_second(name: str, value: object) -> bytes:
    return f"{json.dumps(CHECKOUT)[:-1]}, {json.dumps(name)}: {json.dumps(value)}}}".encode()


def test_a_required_field_twice_is_refused() -> None:
    assert read(with_second("total_amount", "19.90"), "checkouts") == "a field twice: total_amount"


def test_an_optional_field_twice_is_left_out_and_counted() -> None:
    data = with_second("payment_method", "card")[:-1] + b', "payment_method": "cash", "x": 1, "x": 2}'
    event = accepted(read(data, "checkouts"))
    assert (event.details["payment_method"], event.details["unknown_fields"]) == (None, 1)
    assert repairs(event) == ["unusable_fields"]


@pytest.mark.parametrize("value", [True, 1, "true", "YES", "1"], ids=repr)
def test_a_set_flag_is_read(value: object) -> None:
    assert_flags(value, True)


@pytest.mark.parametrize("value", [False, 0, None, "", "false", "0", "no"], ids=repr)
def test_a_clear_flag_is_read(value: object) -> None:
    assert_flags(value, False)


def assert_flags(value: object, flag: bool) -> None:
    event = accepted(checkout(cancelled=value, test=value))
    assert (event.cancelled, event.test) == (flag, flag)
    is_spelled_plainly = value is None or isinstance(value, bool)
    assert repairs(event) == ([] if is_spelled_plainly else ["flag_spelling"])
    assert accepted(click(is_bot=value)).is_bot == flag


@pytest.mark.parametrize("value", ["maybe", 2, [], {}], ids=repr)
def test_an_unusable_flag_is_false_and_counted(value: object) -> None:
    event = accepted(checkout(test=value))
    assert (event.test, repairs(event)) == (False, ["unusable_fields"])


@pytest.mark.parametrize(("value", "revision"), [(None, 0), (0, 0), (3, 3), (2.0, 2), ("2", 2)], ids=repr)
def test_a_revision_is_a_whole_number(value: object, revision: int) -> None:
    event = accepted(checkout(revision=value))
    is_spelled_plainly = value is None or isinstance(value, int)
    assert event.revision == revision
    assert repairs(event) == ([] if is_spelled_plainly else ["revision_spelling"])


@pytest.mark.parametrize("value", [-1, 1.5, "two", True, [], 2**63], ids=repr)
def test_another_revision_is_0_and_counted(value: object) -> None:
    event = accepted(checkout(revision=value))
    assert (event.revision, repairs(event)) == (0, ["unusable_fields"])


def test_a_robot_is_known_by_its_flag_device_or_user_agent() -> None:
    googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0"
    assert accepted(click(is_bot=True)).is_bot
    assert accepted(click(device_type="Bot")).is_bot
    assert accepted(click(user_agent=googlebot)).is_bot
    assert not accepted(click(user_agent=firefox, device_type="robot vacuum")).is_bot
