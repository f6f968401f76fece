"""Amounts and currencies: exact, or refused with the reason."""

from typing import Any

import pytest

from runtime.attribution_job.events.contract import CHECKOUT
from tests.runtime.attribution_job.events.examples import accepted, checkout, encode, outcome, refund


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("39.90", "39.90"), ("39.9", "39.90"), ("39.", "39"), ("1980", "1980"), ("1980.0000", "1980.00"),
        ("12.345", "12.345"), ("19.9000", "19.90"), ("19.90000", "19.90"), ("19.12340000", "19.1234"), (".50", "0.50"),
        ("+1.50", "1.50"), (" 1.50\n", "1.50"), ("007.50", "7.50"), ("1e3", "1000"), ("1.5E2", "150"),
        ("1500e-2", "15.00"), ("0", "0"), ("0.00", "0.00"), ("-0", "0"), ("0e999999", "0.00"),
        ("123456789012345.6789", "123456789012345.6789"),
    ],
)  # fmt: skip
def test_decimal_text_is_an_amount(value: str, stored: str) -> None:
    event = accepted(CHECKOUT, checkout | {"total_amount": value})
    assert (event["total_amount"], event["repairs"]) == (stored, [])


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        (b"39.9", "39.90"), (b"1980", "1980"), (b"1980.0", "1980.00"), (b"1e3", "1000"), (b"0.1", "0.10"),
        (b"1E-4", "0.0001"), (b"123456789012345.6789", "123456789012345.6789"), (b"0.30000000000000000", "0.30"),
        (b"-0.0", "0.00"),
    ],
)  # fmt: skip
def test_a_json_number_is_an_exact_amount(number: bytes, stored: str) -> None:
    event = accepted(CHECKOUT, encode(checkout).replace(b'"19.90"', number))
    assert (event["total_amount"], event["repairs"]) == (stored, ["amount_from_number"])


SEPARATOR = "a thousands separator or decimal comma"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"), ("1,234.50", SEPARATOR), ("1.234,50", SEPARATOR), ("39,90", SEPARATOR),
        ("1,234", SEPARATOR), ("1.234.567", SEPARATOR), ("1 234.50", SEPARATOR), ("1\u00a0234,50", SEPARATOR),
        ("1\u202f234,50", SEPARATOR), ("1'234.50", SEPARATOR), ("1\u2019234.50", SEPARATOR), ("1_000", SEPARATOR),
        ("-1,234.50", SEPARATOR), ("NaN", "not a number"), ("Infinity", "not a number"), ("", "not a number"),
        (",", "not a number"), ("€39.90", "not a number"), ("39.90 EUR", "not a number"), ("0x10", "not a number"),
        ("٣٩", "not a number"), (True, "not a number"), ([39.9], "not a number"), ({"value": 39.9}, "not a number"),
        (float("nan"), "not a number"), (float("inf"), "not a number"), ("19.12345", "more than 4 decimals"),
        (0.1 + 0.2, "more than 4 decimals"), ("1e-999999999", "more than 4 decimals"),
        ("1234567890123456", "more than 15 digits before the point"), ("1e15", "more than 15 digits before the point"),
        ("1e999999999", "more than 15 digits before the point"),
        ("9" * 100_000, "more than 15 digits before the point"), ("-39.90", "negative: send a refund"),
        (-39.9, "negative: send a refund"),
    ],
)  # fmt: skip
def test_another_value_is_no_amount(value: Any, reason: str) -> None:
    assert outcome(CHECKOUT, checkout | {"total_amount": value}).reason == f"total_amount: {reason}"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("EUR", "EUR"), ("usd", "USD"), ("Jpy", "JPY"), (" EUR ", "EUR"), ("KWD", "KWD"), ("XCG", "XCG"),
        ("ZWG", "ZWG"), ("HRK", "HRK"), ("BGN", "BGN"),
    ],
)  # fmt: skip
def test_a_currency_of_iso_4217_is_taken_in_any_case(value: str, stored: str) -> None:
    event = accepted(CHECKOUT, checkout | {"currency": value})
    assert (event["currency"], event["repairs"]) == (stored, [] if value == stored else ["currency_spelling"])


@pytest.mark.parametrize("value", ["ZZZ", "€", "", "EURO", "US", 978, ["EUR"], True, "DEM", "\u017fEK", "BTC"])
def test_another_currency_is_refused(value: Any) -> None:
    assert outcome(CHECKOUT, checkout | {"currency": value}).reason == "currency: not in ISO 4217"


def test_a_refund_has_an_amount_that_is_not_negative() -> None:
    assert outcome(CHECKOUT, refund | {"amount": "-5.00"}).reason == "amount: negative"
    assert accepted(CHECKOUT, refund | {"amount": 0})["amount"] == "0"
    event = accepted(CHECKOUT, refund | {"amount": 4.5, "currency": "eur"})
    assert (event["amount"], event["currency"]) == ("4.50", "EUR")
    assert event["repairs"] == ["amount_from_number", "currency_spelling"]
