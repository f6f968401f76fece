import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from local.reconciliation.contract import Event, RefusedError, parse

ARRIVED = datetime(2026, 11, 23, 12, tzinfo=UTC)
CLICK: dict[str, Any] = {"click_id": "c", "user_id": "u", "click_timestamp": "2026-11-23T11:00:00.000Z"}
CHECKOUT: dict[str, Any] = {
    "checkout_id": "k",
    "user_id": "u",
    "checkout_timestamp": "2026-11-23T11:00:00.000Z",
    "total_amount": "19.90",
    "currency": "EUR",
}


def click(**changes: object) -> Event:
    return parse("clicks", json.dumps(CLICK | changes).encode(), ARRIVED)


def checkout(**changes: object) -> Event:
    return parse("checkouts", json.dumps(CHECKOUT | changes).encode(), ARRIVED)


def test_only_id_user_time_amount_and_currency_are_required() -> None:
    at = datetime(2026, 11, 23, 11, tzinfo=UTC)
    assert click() == Event("c", "u", at)
    assert checkout() == Event("k", "u", at, Decimal("19.9"), "EUR")


@pytest.mark.parametrize(
    "changes",
    [
        {"click_id": "c" * 256},
        {"user_id": "😀" * 256},
        {"click_timestamp": "1970-01-01T00:00:00Z"},
        {"click_timestamp": "2026-11-23T17:00:00.123456+05:30"},
        {"click_timestamp": "2026-11-23T12:05:00.000Z"},
        {"utm_source": None, "page_url": "", "colour": [1, {"x": None}]},
        {"page_url": "a backslash and letters: \\u0000"},
        {"schema_version": 1},
        {"schema_version": None},
    ],
    ids=repr,
)
def test_a_click_that_follows_the_contract_is_accepted(changes: dict[str, object]) -> None:
    assert click(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"click_id": None},
        {"click_id": 5},
        {"click_id": ""},
        {"user_id": "u" * 257},
        {"click_timestamp": 1763895600},
        {"click_timestamp": "2026-11-23"},
        {"click_timestamp": "2026-11-23T11:00:00"},
        {"click_timestamp": "2026-11-23T11:00:00.1234567Z"},
        {"click_timestamp": "2026-11-23T11:00:00Z\n"},
        {"click_timestamp": "2026-02-30T11:00:00Z"},
        {"click_timestamp": "2026-11-23T24:00:00Z"},
        {"click_timestamp": "2026-11-23T11:00:00+19:00"},
        {"click_timestamp": "٢٠٢٦-11-23T11:00:00Z"},
        {"click_timestamp": "1969-12-31T23:59:59.999Z"},
        {"click_timestamp": "2026-11-23T12:05:00.001Z"},
        {"click_timestamp": "2099-01-01T00:00:00Z"},
        {"utm_source": 7},
        {"page_url": "a NUL: \0"},
        {"schema_version": 2},
        {"schema_version": True},
        {"schema_version": "1"},
    ],
    ids=repr,
)
def test_a_click_that_breaks_the_contract_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RefusedError):
        click(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"total_amount": None},
        {"total_amount": 19.9},
        {"total_amount": "NaN"},
        {"total_amount": "-1"},
        {"total_amount": "1e3"},
        {"total_amount": "1.999"},
        {"total_amount": "12345678901"},
        {"currency": "eur"},
        {"currency": "EURO"},
        {"items": "product-1"},
        {"items": {}},
        {"items": [1]},
        {"items": [{"product_id": ["p"]}]},
        {"items": [{"quantity": "two"}]},
        {"items": [{"quantity": -1}]},
        {"items": [{"unit_price": float("inf")}]},
    ],
    ids=repr,
)
def test_a_checkout_that_breaks_the_contract_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(RefusedError):
        checkout(**changes)


@pytest.mark.parametrize("items", [None, [], [{"product_id": "p", "quantity": 1, "unit_price": 1.5}]])
def test_items_may_be_missing_or_a_list_of_objects(items: object) -> None:
    assert checkout(items=items)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"x": NaN}',
        json.dumps(CLICK).encode() + b" and more",
        json.dumps(CLICK).encode()[:-1] + b', "click_id": "c"}',
        json.dumps(CLICK).encode()[:-1] + b', "x": ' + b"[" * 100_000 + b"}",
        json.dumps(CLICK | {"page_url": "x" * 1024 * 1024}).encode(),
    ],
    ids=range(11),
)
def test_data_that_is_not_a_small_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedError):
        parse("clicks", data, ARRIVED)
