"""Required values in section 2 of the event contract, except times."""

import json
from decimal import Decimal

import pytest

from tests.local.reconciliation.sending import CHECKOUT, accepted, checkout, click, read, refund, repairs

ZERO_UUID = "00000000-0000-0000-0000-000000000000"
UUID = "6F9619FF-8B86-D011-B42D-00C04FC964FF"
EMOJI = "\U0001f600"


def test_only_the_required_fields_are_required() -> None:
    event = accepted(click())
    assert (event.kind, event.id, event.user_id, event.is_bot) == ("click", "c", "u", False)
    sale = accepted(checkout())
    assert (sale.kind, sale.id, sale.amount, sale.currency, sale.revision) == (
        "checkout",
        "k",
        Decimal("19.9"),
        "EUR",
        0,
    )
    back = accepted(refund())
    assert (back.kind, back.id, back.checkout_id, back.amount) == ("refund", "r", "k", Decimal(5))
    assert repairs(event) == repairs(sale) == repairs(back) == []


@pytest.mark.parametrize(
    ("value", "text", "names"),
    [
        ("u" * 256, "u" * 256, []),
        (EMOJI * 256, EMOJI * 256, []),
        (7001, "7001", ["number_as_id"]),
        (7001.0, "7001", ["number_as_id"]),
        (10**30, str(10**30), ["number_as_id"]),
        (" u\t", "u", ["trimmed_id"]),
        ("u\u0301", "\u00fa", ["normalized_id"]),
        (UUID, UUID.lower(), ["lower_case_uuid"]),
        ("Ann", "Ann", []),
    ],
    ids=range(9),
)
def test_an_id_is_read(value: object, text: str, names: list[str]) -> None:
    assert accepted(click(user_id=value)).user_id == text
    assert repairs(click(user_id=value)) == names


PLACEHOLDERS = [
    "null",
    "undefined",
    "NONE",
    "NaN",
    "unknown",
    "Anonymous",
    "guest",
    "0",
    "-1",
    0,
    -1,
    " guest ",
    ZERO_UUID,
]


@pytest.mark.parametrize("value", PLACEHOLDERS, ids=repr)
def test_a_placeholder_is_no_id(value: object) -> None:
    assert click(user_id=value) == "user_id: a placeholder"
    assert click(click_id=value) == "click_id: a placeholder"
    assert refund(checkout_id=value) == "checkout_id: a placeholder"


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, "missing"), ("", "empty"), (" \n", "empty"), ("u" * 257, "longer than 256 characters")],
    ids=range(4),
)
def test_an_id_is_refused_with_its_reason(value: object, reason: str) -> None:
    assert click(user_id=value) == f"user_id: {reason}"


@pytest.mark.parametrize("value", [1.5, True, ["u"], {}, "a\0b", "a\ud83d", float("nan")], ids=repr)
def test_other_ids_are_refused(value: object) -> None:
    assert isinstance(click(user_id=value), str)


@pytest.mark.parametrize(
    ("json_value", "amount"),
    [
        ('"19.90"', "19.90"),
        ('"1980"', "1980"),
        ('"12.345"', "12.345"),
        ('"19.90000"', "19.90"),
        ('".50"', ".5"),
        ('" +1e3 "', "1000"),
        ('"-0.00"', "0"),
        ('"999999999999999.9999"', "999999999999999.9999"),
        ("39.9", "39.9"),
        ("1e3", "1000"),
        ("0.1000", "0.1"),
        ("999999999999999.9999", "999999999999999.9999"),
    ],
)
def test_an_amount_is_exact(json_value: str, amount: str) -> None:
    data = json.dumps(CHECKOUT | {"total_amount": "?"}).replace('"?"', json_value).encode()
    event = accepted(read(data, "checkouts"))
    assert event.amount == Decimal(amount)
    assert repairs(event) == ([] if json_value.startswith('"') else ["amount_from_number"])


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "1,234.50",
        "39,90",
        "1 234",
        "1_000",
        "NaN",
        "Infinity",
        True,
        [1],
        {},
        "1.99999",
        0.00001,
        10**15,
        "1e400",
    ],
    ids=repr,
)
def test_another_amount_is_refused(value: object) -> None:
    assert isinstance(checkout(total_amount=value), str)
    assert isinstance(refund(amount=value), str)


def test_a_negative_amount_is_refused_and_a_refund_of_zero_is_not() -> None:
    assert checkout(total_amount="-1") == "total_amount: negative: send a refund"
    assert refund(amount=-1) == "amount: negative"
    assert accepted(refund(amount=0)).amount == 0


def test_a_currency_of_iso_4217_is_read_in_any_case() -> None:
    assert accepted(checkout(currency="usd")).currency == "USD"
    assert accepted(checkout(currency="EUR ")).currency == "EUR"
    assert repairs(checkout(currency="usd")) == ["currency_spelling"]


@pytest.mark.parametrize("value", ["ZZZ", "EURO", "", None, 978, "\ufb01m", ["EUR"]], ids=repr)
def test_another_currency_is_refused(value: object) -> None:
    assert isinstance(checkout(currency=value), str)


def test_a_refund_without_its_fields_is_refused() -> None:
    assert refund(refund_timestamp=None) == "refund_timestamp: missing"
    assert refund(checkout_id=None) == "checkout_id: missing"
    assert accepted(checkout(refund_id=None)).kind == "checkout"
