"""Records as shops really send them: each folder of tests/cases with what becomes of its events.

Each kind of record was found in a public bug report. `tests/cases/<name>/records.jsonl` has the stream, the time of
arrival and the bytes of each record.
"""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from runtime.attribution_job.events.reading import Outcome, outcomes

FOLDER = Path(__file__).parents[3] / "cases"
TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
Expected = dict[str, Any] | str


def at(minute: float = 0, second: float = 0) -> datetime:
    return TEN + timedelta(minutes=minute, seconds=second)


def click(click_id: str, user_id: str, time: datetime = TEN, *repairs: str, **values: object) -> Expected:
    """Returns a click of the campaign that most of the cases have, with other values in some fields."""
    labels = ("session_id", "product_id", "page_url", "device_type", "referrer", "experiment_id", "variant")
    utm = {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "spring"}
    event = {"click_id": click_id, "user_id": user_id, "click_timestamp": time, "is_bot": False}
    return event | dict.fromkeys(labels) | utm | _reading(repairs) | values


def checkout(checkout_id: str, user_id: str, *repairs: str, **values: object) -> Expected:
    """Returns a sale at the time and with the amount that most of the cases have."""
    event = {"checkout_id": checkout_id, "user_id": user_id, "checkout_timestamp": at(20), "total_amount": "39.90"}
    optional = {"currency": "EUR", "session_id": None, "payment_method": None, "items": None}
    flags = {"revision": 0, "cancelled": False, "test": False}
    return event | optional | flags | _reading(repairs) | values


def _reading(repairs: tuple[str, ...]) -> dict[str, Any]:
    return {"stated_timestamp": None, "repairs": list(repairs), "unknown_fields": 0, "unknown_names": []}


def sale(checkout_id: str, items: Any, *repairs: str) -> Expected:
    return checkout(checkout_id, "u-it", *repairs, items=items and json.dumps(items))


NO_UTM = {"utm_source": None, "utm_medium": None, "utm_campaign": None}
NUMBER, SCALAR, LIST = "number_as_id", "label_from_scalar", "label_from_list"
PLACEHOLDER, EMPTY = "user_id: a placeholder", "user_id: empty"
URL = "https://shop.example/p?utm_source=google&utm_medium=cpc&utm_campaign=spring&gclid=abc"
CASES: dict[str, list[Expected]] = {
    "01-kpl-aggregated": [
        click("kpl-c1", "u-kpl-1"),
        click("kpl-c2", "u-kpl-2"),
        "not JSON",
        checkout("kpl-k1", "u-kpl-1"),
    ],
    "02b-newline-joined": [click("nj-c1", "u-nj"), click("nj-c2", "u-nj", at(5)), checkout("nj-k1", "u-nj")],
    "03-concatenated": [click("cc-c1", "u-cc"), click("cc-c2", "u-cc", at(5)), checkout("cc-k1", "u-cc")],
    "04a-gzip-record": [click("gz-c1", "u-gz"), checkout("gz-k1", "u-gz")],
    "06-array-in-record": [click("arr-c1", "u-arr"), click("arr-c2", "u-arr", at(1)), checkout("arr-k1", "u-arr")],
    "11-numeric-ids": [click("101", "7001", TEN, NUMBER), checkout("450789469", "7001", NUMBER)],
    "13-placeholder-users": [*[PLACEHOLDER] * 4, EMPTY, EMPTY, PLACEHOLDER, PLACEHOLDER, EMPTY, "user_id: missing"],
    "18-amount-number": [
        click("an-c1", "u-an"),
        checkout("an-k1", "u-an", "amount_from_number", total_amount="39.90"),
        checkout("an-k2", "u-an", "amount_from_number", total_amount="1980"),
        checkout("an-k3", "u-an", "amount_from_number", total_amount="1000"),
    ],
    "20-decimals": [
        checkout("de-k1", "u-de", total_amount="1980", currency="JPY"),
        checkout("de-k2", "u-de", total_amount="12.345", currency="KWD"),
        checkout("de-k3", "u-de", total_amount="19.90"),
        checkout("de-k4", "u-de", total_amount="0.50"),
        checkout("de-k5", "u-de", total_amount="12345678901.00", currency="IDR"),
    ],
    "21-refund": [click("rf-c1", "u-rf"), checkout("rf-k1", "u-rf"), "total_amount: negative: send a refund"],
    "23-currency-lower": [
        checkout("cu-k1", "u-cu", "currency_spelling", currency="USD"),
        "currency: not in ISO 4217",
        "currency: missing",
        checkout("cu-k4", "u-cu", "currency_spelling"),
    ],
    "27-order-edited": [
        click("ed-c1", "u-ed"),
        *[checkout("ed-k1", "u-ed")] * 2,
        checkout("ed-k1", "u-ed", total_amount="24.90"),
    ],
    "29-epoch": [
        click("ep-c1", "u-ep", TEN, "time_from_number"),
        click("ep-c2", "u-ep", TEN, "time_from_number"),
        checkout("ep-k1", "u-ep", "time_from_number"),
    ],
    "31-iso-forms": [
        click("iso-c0", "u-iso", at(second=0.123456)),
        *[click(f"iso-c{number}", "u-iso") for number in range(1, 7)],
        click("iso-c7", "u-iso", at(second=0.123)),
        *[click(f"iso-c{number}", "u-iso") for number in range(8, 12)],
        checkout("iso-k1", "u-iso"),
    ],
    "34-clock-skew": [
        click("sk-c1", "u-sk", at(29, 59), "clock_corrected", stated_timestamp=at(36)),
        click("sk-c2", "u-sk2", at(24)),
        checkout("sk-k1", "u-sk2", checkout_timestamp=at(22)),
        checkout("sk-k2", "u-sk", checkout_timestamp=at(30)),
    ],
    "35-utm-only-in-url": [click("ur-c1", "u-ur", TEN, "utm_from_url", page_url=URL), checkout("ur-k1", "u-ur")],
    "36-utm-spelling": [
        click("us-c0", "u-us0", utm_source="Google", utm_campaign="spring%20sale"),
        checkout("us-k0", "u-us0"),
        click("us-c1", "u-us1", utm_source="google ", utm_campaign="spring sale"),
        checkout("us-k1", "u-us1"),
        click("us-c2", "u-us2", utm_source="GOOGLE", utm_campaign="spring+sale"),
        checkout("us-k2", "u-us2"),
        click("us-c3", "u-us3", utm_campaign="Spring Sale"),
        checkout("us-k3", "u-us3"),
    ],
    "37-label-not-text": [
        click("la-c1", "u-la1", TEN, LIST),
        click("la-c2", "u-la2", TEN, SCALAR, utm_campaign="20260301"),
        click("la-c3", "u-la3", TEN, SCALAR, product_id="788032119674292900"),
        click("la-c4", "u-la4", TEN, SCALAR, session_id="1772359200"),
        click("la-c5", "u-la5"),
        checkout("la-k1", "u-la5", SCALAR, session_id="1772359200"),
        checkout("la-k2", "u-la5", LIST, payment_method="card"),
    ],
    "42-items": [
        sale("it-k0", [{"product_id": "1", "quantity": 2, "unit_price": "19.95"}], "items_spelling", SCALAR),
        sale("it-k1", [{"product_id": "p", "quantity": 2, "unit_price": "19.95"}], "items_spelling"),
        sale("it-k2", [{"product_id": "p", "quantity": 0.5}]),
        sale("it-k3", [{"product_id": "p", "quantity": -1}]),
        sale("it-k4", None, "unusable_fields"),
        sale("it-k5", None, "unusable_fields"),
        checkout("it-k6", "u-it", items="[]"),
        sale("it-k7", [{"product_id": "p", "quantity": 3_000_000_000}]),
        checkout("it-k8", "u-it", "unusable_fields", items="[]"),
        checkout("it-v1", "u-it", "schema_version_spelling"),
        checkout("it-v2", "u-it", "schema_version_spelling"),
    ],
    "43-nul-surrogate": [
        click("nu-c1", "u-nu", TEN, **NO_UTM | {"unknown_fields": 1, "unknown_names": ["title"]}),
        click("nu-c2", "u-nu", at(1), "replaced_text", **NO_UTM | {"utm_campaign": "x\ufffd"}),
        click("nu-c3", "u-nu", at(2), **NO_UTM | {"utm_campaign": "ok \U0001f600"}),
        checkout("nu-k1", "u-nu"),
    ],
    "44-latin1": ["not UTF-8"],
}


def read_case(name: str) -> Iterator[Outcome]:
    """Yields what becomes of the events of a case, in the order of its records."""
    for line in (FOLDER / name / "records.jsonl").read_text().splitlines():
        record = json.loads(line)
        contract = {"clicks": CLICK, "checkouts": CHECKOUT}[record["stream"]]
        yield from outcomes(
            base64.b64decode(record["data_base64"]), datetime.fromisoformat(record["arrived_at"]), contract
        )


@pytest.mark.parametrize("name", CASES)
def test_each_event_of_a_case_is_read_as_expected(name: str) -> None:
    assert [outcome.event or outcome.reason for outcome in read_case(name)] == CASES[name]


def test_every_case_has_an_expectation() -> None:
    assert {path.parent.name for path in FOLDER.glob("*/records.jsonl")} == CASES.keys()
