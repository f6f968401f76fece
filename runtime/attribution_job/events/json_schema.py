"""JSON Schemas of the event contract, for producers. `python -m runtime.attribution_job.events.json_schema FOLDER`

A schema describes the plain form of an event. The job accepts every event that validates, and repairs many that do not.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runtime.attribution_job.events.contract import CONTRACTS, SCHEMA_VERSION, Contract, Kind
from runtime.attribution_job.events.values import flags, ids, money
from runtime.attribution_job.events.values.currencies import CURRENCIES

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TITLES: dict[Kind, str] = {
    "click": "A click: a page view of a shopper, in the stream of clicks",
    "checkout": "A checkout: an order at one time, in the stream of checkouts",
    "refund": "A refund: money that is given back for an order, in the stream of checkouts",
}
# Of a field with a dot, the part before it is the kind of event.
DESCRIPTIONS = {
    "schema_version": "Version of this contract.",
    "click_id": "Id of the click. Send the same id again in every retry: the first event under an id stands.",
    "checkout_id": "Id of the order. A correction of the order has the same id.",
    "refund.checkout_id": "Id of the order whose money is given back. The refund may arrive before the order.",
    "refund_id": "Id of the refund. Several refunds of one order have different ids and add up.",
    "user_id": "Id of the shopper, the same in clicks and checkouts: only then can a click be credited.",
    "click_timestamp": "When the shopper clicked, with a zone.",
    "checkout_timestamp": "When the shopper ordered, with a zone. Clicks of the hour before it can be credited.",
    "refund_timestamp": "When the money was given back, with a zone.",
    "total_amount": "Total of the order as decimal text, without currency and thousands separators.",
    "amount": "Amount that is given back as decimal text, not negative.",
    "currency": "Code of ISO 4217.",
    "session_id": "Id of the visit.",
    "product_id": "Product that the page shows.",
    "page_url": "URL of the page. Its utm parameters and click ids count if the utm fields are missing.",
    "utm_source": "Where the shopper comes from, such as google.",
    "utm_medium": "By which kind of channel, such as cpc or email.",
    "utm_campaign": "By which campaign.",
    "device_type": "Kind of device, such as mobile. A click of a bot is a robot's.",
    "referrer": "URL of the page before this one. Another site counts if no utm field and no URL names a source.",
    "experiment_id": "Experiment that the shopper takes part in.",
    "variant": "Variant of the experiment that the shopper sees.",
    "is_bot": "True for a robot's click, which is stored and gets no credit.",
    "user_agent": "User agent of the browser. It tells robots, and is not stored.",
    "sent_at": "When the event is sent, by the clock that gave the event's time. Corrects a clock that is ahead.",
    "payment_method": "How the order is paid.",
    "items": "What is bought.",
    "revision": "Number of the order's revision. The contents of the highest one stand.",
    "cancelled": "True once the order is cancelled: all that is left of its amount counts as refunded.",
    "test": "True for a test order, which is stored and counts in no view.",
    "items.product_id": "Product that is bought.",
    "items.quantity": "Number of pieces, or the weight or length of goods.",
    "items.unit_price": "Price of one piece as decimal text.",
}

# Patterns in the common part of Python's and JavaScript's syntax. They take 29 February in every year.
DATE = (
    "(19(7[1-9]|[89][0-9])|2[0-9]{3})-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-9])|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31)"
)
TIME_OF_DAY = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
ZONE = "(Z|[+-]((0[0-9]|1[0-7]):[0-5][0-9]|18:00))"
TIMESTAMP = f"^{DATE}T{TIME_OF_DAY}{ZONE}$"
DIGITS = f"[0-9]{{1,{money.MAX_DIGITS}}}"
AMOUNT = rf"^{DIGITS}(\.[0-9]{{1,{money.MAX_DECIMALS}}})?$"
PRICE = r"^-?[0-9]+(\.[0-9]+)?$"
ITEM_TYPES: dict[str, Schema] = {
    "product_id": {"type": ["string", "null"]},
    "quantity": {"type": ["number", "null"]},
    "unit_price": {"type": ["string", "null"], "pattern": PRICE},
}
ID = r"^[^\s\u0000]([^\u0000]*[^\s\u0000])?$"


def json_schema(contract: Contract) -> Schema:
    """Returns the JSON Schema of a kind of event. Unknown fields are allowed; the job counts them."""
    fields = ["schema_version", *contract.required, *contract.stored, *sorted(contract.hints)]
    return {
        "$schema": DIALECT,
        "title": TITLES[contract.kind],
        "description": (
            "The plain form. The job accepts every event that validates. It also repairs many other forms: "
            "see docs/send-events.md. Generated from the contract by `make schemas`."
        ),
        "type": "object",
        "required": list(contract.required),
        "properties": {field: _field(contract, field) for field in dict.fromkeys(fields)},
        "$defs": _definitions(),
    }


def description(kind: str, field: str) -> str:
    return DESCRIPTIONS.get(f"{kind}.{field}") or DESCRIPTIONS[field]


def write(folder: Path, contracts: Iterable[Contract] = CONTRACTS.values()) -> None:
    """Writes a file `<kind>.schema.json` for each kind of event."""
    folder.mkdir(parents=True, exist_ok=True)
    for contract in contracts:
        (folder / f"{contract.kind}.schema.json").write_text(file_content(contract))


def file_content(contract: Contract) -> str:
    return json.dumps(json_schema(contract), indent=2) + "\n"


def _field(contract: Contract, field: str) -> Schema:
    return {"description": description(contract.kind, field), **_types(contract)[field]}


def _types(contract: Contract) -> dict[str, Schema]:
    types: dict[str, Schema] = {field: {"type": ["string", "null"]} for field in (*contract.labels, *contract.hints)}
    types |= {field: {"type": ["boolean", "null"]} for field in contract.flags}
    types |= {field: {"$ref": "#/$defs/id"} for field in contract.ids}
    types[contract.timestamp] = {"$ref": "#/$defs/time"}
    types["sent_at"] = {"anyOf": [{"$ref": "#/$defs/time"}, {"type": "null"}]}
    types["schema_version"] = {"const": SCHEMA_VERSION}
    if contract.amount:
        types[contract.amount] = {"type": "string", "pattern": AMOUNT}
        types["currency"] = {"enum": sorted(CURRENCIES)}
    if contract.sale:
        item = {name: {"description": description("items", name), **ITEM_TYPES[name]} for name in ITEM_TYPES}
        types["items"] = {"type": ["array", "null"], "items": {"type": "object", "properties": item}}
        types["revision"] = {"type": ["integer", "null"], "minimum": 0, "maximum": flags.MAX_REVISION}
    return types


def _definitions() -> dict[str, Schema]:
    words = "|".join(map(_in_any_case, sorted(ids.PLACEHOLDERS)))
    an_id = {
        "type": "string",
        "maxLength": ids.MAX_CHARACTERS,
        "pattern": ID,
        "not": {"description": "These texts stand for no id.", "pattern": f"^({words})$"},
    }
    return {"id": an_id, "time": {"type": "string", "format": "date-time", "pattern": TIMESTAMP}}


def _in_any_case(text: str) -> str:
    """Returns a pattern of a text in capitals or small letters. JavaScript has no pattern for that."""
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
