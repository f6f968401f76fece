"""The published JSON Schemas are those of the contract, and what validates is accepted."""

import functools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from runtime.attribution_job.events.contract import CHECKOUT, CLICK, CONTRACTS, REFUND, Contract, Kind
from runtime.attribution_job.events.framing import unpack
from runtime.attribution_job.events.json_schema import DESCRIPTIONS, description, file_content, json_schema
from runtime.attribution_job.events.reading import outcomes
from runtime.data_generator.simulation import simulate
from tests.runtime.data_generator.simulated import END, INVOCATION, kind_of, make_settings, plain_settings

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
CLICK_EVENT = {"click_id": "c-1", "user_id": "u-1", "click_timestamp": "2026-05-05T10:00:00.000Z"}
CHECKOUT_EVENT = {
    "checkout_id": "k-1",
    "user_id": "u-1",
    "checkout_timestamp": "2026-05-05T10:00:00Z",
    "total_amount": "39.90",
    "currency": "EUR",
}
REFUND_EVENT = {
    "refund_id": "r-1",
    "checkout_id": "k-1",
    "user_id": "u-1",
    "refund_timestamp": "2026-05-05T12:00:00+02:00",
    "amount": "5.00",
    "currency": "EUR",
}


@functools.cache
def validator(kind: Kind) -> Draft202012Validator:
    return Draft202012Validator(json.loads((FOLDER / f"{kind}.schema.json").read_text()))


def validates(event: dict[str, Any], kind: Kind) -> bool:
    return validator(kind).is_valid(event)


def refusal(event: dict[str, Any], kind: Kind) -> str | None:
    (outcome,) = outcomes(json.dumps(event).encode(), END, CLICK if kind == "click" else CHECKOUT)
    return outcome.reason


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_the_published_schema_is_that_of_the_contract(contract: Contract) -> None:
    """To publish it: make schemas."""
    assert (FOLDER / f"{contract.kind}.schema.json").read_text() == file_content(contract)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_a_schema_is_valid_and_describes_every_field_of_the_contract(contract: Contract) -> None:
    schema = json_schema(contract)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"].keys() == contract.fields
    assert schema["required"] == list(contract.required)


def test_every_description_has_a_field() -> None:
    used = {description(kind, field) for kind, contract in CONTRACTS.items() for field in contract.fields}
    used |= {text for field, text in DESCRIPTIONS.items() if field.startswith("items.")}
    assert used == set(DESCRIPTIONS.values())


def test_plain_events_of_the_generator_validate() -> None:
    counts: Counter[Kind] = Counter()
    for record in simulate(plain_settings(clicks=2_000, malformed_share=0), INVOCATION):
        event = json.loads(record.data)
        validator(kind_of(event)).validate(event)
        counts[kind_of(event)] += 1
    assert counts["click"] == 2_000
    assert counts["checkout"] > 100


def test_every_generated_event_that_validates_is_accepted() -> None:
    """Also malformed events, and those in other spellings. Refunds and revisions in the plain form validate too."""
    plain: Counter[Kind] = Counter()
    refused = 0
    for record in simulate(make_settings(clicks=4_000, variety=5, malformed_share=0.1), INVOCATION):
        for piece in unpack(record.data):
            try:
                event = json.loads(piece.data)
            except ValueError:
                continue
            if record.defect == "repeated_field" or piece.reason:
                continue  # Python's parser takes the last value of a repeated field.
            kind = kind_of(event)
            if validates(event, kind):
                assert refusal(event, kind) is None
                plain[kind] += 1
            elif record.defect:
                refused += 1
    assert min(plain.values()) > 20
    assert plain.keys() == CONTRACTS.keys()
    assert refused > 100


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": None},
        {"user_id": ""},
        {"user_id": "u" * 257},
        {"user_id": "Undefined"},
        {"user_id": "00000000-0000-0000-0000-000000000000"},
        {"user_id": True},
        {"total_amount": "1,234.50"},
        {"total_amount": "NaN"},
        {"total_amount": "-5.00"},
        {"total_amount": "39.90001"},
        {"total_amount": "1234567890123456"},
        {"total_amount": None},
        {"currency": "EURO"},
        {"checkout_timestamp": "2026-05-05T10:00:00"},
        {"checkout_timestamp": "2026-02-30T10:00:00Z"},
        {"checkout_timestamp": "2026-05-05T24:00:00Z"},
        {"checkout_timestamp": "2026-05-05T10:00:60Z"},
        {"checkout_timestamp": "2026-05-05T10:00:00+19:00"},
        {"checkout_timestamp": "1969-05-05T10:00:00Z"},
        {"checkout_timestamp": "yesterday"},
        {"schema_version": 2},
    ],
    ids=str,
)
def test_refused_values_do_not_validate(changes: dict[str, Any]) -> None:
    assert validates(CHECKOUT_EVENT, "checkout")
    assert refusal(CHECKOUT_EVENT, "checkout") is None
    assert refusal(CHECKOUT_EVENT | changes, "checkout") is not None
    assert not validates(CHECKOUT_EVENT | changes, "checkout")


@pytest.mark.parametrize(
    ("event", "contract"), [(CLICK_EVENT, CLICK), (CHECKOUT_EVENT, CHECKOUT), (REFUND_EVENT, REFUND)]
)
def test_an_event_without_a_required_field_does_not_validate(event: dict[str, Any], contract: Contract) -> None:
    assert validates(event, contract.kind)
    for field in contract.required:
        assert not validates({name: value for name, value in event.items() if name != field}, contract.kind)


values = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.just([]), st.just({}))


@given(
    optional=st.dictionaries(st.sampled_from(sorted(CHECKOUT.fields | {"unknown"})), values),
    amount=st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,4})?", fullmatch=True),
    time=st.datetimes().map(lambda time: time.isoformat() + "Z"),
)
def test_any_checkout_that_validates_is_accepted(optional: dict[str, Any], amount: str, time: str) -> None:
    event = CHECKOUT_EVENT | {"checkout_timestamp": time, "total_amount": amount} | optional
    if validates(event, "checkout"):
        assert refusal(event, "checkout") is None
