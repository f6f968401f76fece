"""Items: stored as they can be used, and no reason to lose a sale."""

import json
from typing import Any

import pytest

from runtime.attribution_job.events.contract import CHECKOUT
from tests.runtime.attribution_job.events.examples import accepted, checkout, encode

SPELLING = ["items_spelling"]
UNUSABLE = ["unusable_fields"]


def stored(items: Any) -> tuple[Any, list[str]]:
    event = accepted(CHECKOUT, checkout | {"items": items})
    return event["items"] and json.loads(event["items"]), event["repairs"]


@pytest.mark.parametrize(
    ("item", "read", "repairs"),
    [
        ({"product_id": "p", "quantity": 2, "unit_price": "9.95"}, None, []),
        ({}, None, []),
        ({"quantity": -1}, None, []),
        ({"quantity": 0.5}, None, []),
        ({"quantity": 3_000_000_000}, None, []),
        ({"quantity": 2.0}, {"quantity": 2}, []),
        ({"quantity": "2"}, {"quantity": 2}, SPELLING),
        ({"quantity": "0.5"}, {"quantity": 0.5}, SPELLING),
        ({"unit_price": 19.95}, {"unit_price": "19.95"}, SPELLING),
        ({"unit_price": "19.950"}, None, []),
        ({"unit_price": "-3"}, None, []),
        ({"unit_price": " 1e1"}, {"unit_price": "10"}, SPELLING),
        ({"product_id": 1}, {"product_id": "1"}, ["label_from_scalar"]),
        ({"product_id": "\0"}, {"product_id": "\ufffd"}, ["replaced_text"]),
        ({"colour": "red", "product_id": "p"}, {"product_id": "p"}, []),
        ({"product_id": None, "quantity": None}, {}, []),
        ({"quantity": "two", "product_id": "p"}, {"product_id": "p"}, UNUSABLE),
        ({"quantity": True}, {}, UNUSABLE),
        ({"quantity": [2]}, {}, UNUSABLE),
        ({"quantity": float("nan")}, {}, UNUSABLE),
        ({"unit_price": "gratis"}, {}, UNUSABLE),
        ({"unit_price": "1,50"}, {}, UNUSABLE),
        ({"product_id": {"id": 1}}, {}, UNUSABLE),
    ],
)
def test_an_item_keeps_what_can_be_used(item: dict[str, Any], read: Any, repairs: list[str]) -> None:
    assert stored([item]) == ([item if read is None else read], repairs)


@pytest.mark.parametrize("items", ["[]", "p1", {"product_id": "p"}, 7, True])
def test_items_that_are_no_list_are_null(items: Any) -> None:
    assert stored(items) == (None, UNUSABLE)


def test_entries_that_are_no_items_are_left_out() -> None:
    assert stored([]) == ([], [])
    assert stored(["p-1", {"product_id": "p-2"}, None]) == ([{"product_id": "p-2"}], UNUSABLE)
    assert stored(["p-1", "p-2"]) == ([], UNUSABLE)


def test_numbers_of_items_are_exact_or_unusable() -> None:
    data = encode(checkout | {"items": [{"unit_price": "price", "quantity": "quantity"}]})
    data = data.replace(b'"price"', b"0.1000000000000000000001")
    exact = accepted(CHECKOUT, data.replace(b'"quantity"}', b"0.1}"))
    assert exact["items"] == '[{"quantity": 0.1, "unit_price": "0.1000000000000000000001"}]'
    inexact = accepted(CHECKOUT, data.replace(b'"quantity"}', b"0.1000000000000000000001}"))
    assert inexact["items"] == '[{"unit_price": "0.1000000000000000000001"}]'
    assert inexact["repairs"] == [*SPELLING, *UNUSABLE]


def test_a_field_of_an_item_that_comes_twice_is_unusable() -> None:
    event = accepted(CHECKOUT, encode(checkout).replace(b'"quantity": 2', b'"quantity": 2, "quantity": 3'))
    assert event["items"] == '[{"product_id": "p1", "unit_price": "9.95"}]'
    assert event["repairs"] == UNUSABLE
