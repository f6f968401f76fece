"""Reading of single values: the second implementation of section 2 of the event contract.

Each function adds the names of the repairs that it makes to `repairs`.
"""

import re
import unicodedata
from decimal import Decimal
from typing import Any

from local.reconciliation.contract.currencies import CURRENCIES
from local.reconciliation.contract.exact import integer, number
from local.reconciliation.contract.json_text import Object

MAX_ID_CHARACTERS = 256
MAX_REVISION = 2**63 - 1
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
PLACEHOLDERS = {
    "null", "undefined", "none", "nan", "unknown", "anonymous", "guest", "0", "-1",
    "00000000-0000-0000-0000-000000000000",
}  # fmt: skip
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
ITEM_FIELDS = ("product_id", "quantity", "unit_price")
PLAIN_DECIMAL = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
TRUE, FALSE = {"true", "1", "yes"}, {"", "false", "0", "no"}


class RefusedError(ValueError):
    """An event breaks the contract; the message names the violation."""


def read_id(name: str, value: object, repairs: set[str]) -> str:
    if value is None:
        raise RefusedError(f"{name}: missing")
    text = _id_text(name, value, repairs)
    if UNSTORABLE.search(text):
        raise RefusedError(f"{name}: contains NUL or half a character")
    trimmed = text.strip()
    normalized = unicodedata.normalize("NFC", trimmed)
    read = normalized.lower() if UUID.fullmatch(normalized) else normalized
    if not read:
        raise RefusedError(f"{name}: empty")
    if read.lower() in PLACEHOLDERS:
        raise RefusedError(f"{name}: a placeholder")
    if len(read) > MAX_ID_CHARACTERS:
        raise RefusedError(f"{name}: longer than {MAX_ID_CHARACTERS} characters")
    repairs.update(["trimmed_id"] if trimmed != text else [])
    repairs.update(["normalized_id"] if normalized != trimmed else [])
    repairs.update(["lower_case_uuid"] if read != normalized else [])
    return read


def _id_text(name: str, value: object, repairs: set[str]) -> str:
    if isinstance(value, str):
        return value
    whole = integer(value)
    if whole is None:
        raise RefusedError(f"{name}: neither text nor a whole number")
    repairs.add("number_as_id")
    return str(whole)


def read_amount(name: str, value: object, repairs: set[str]) -> Decimal:
    """Returns the exact amount."""
    exact = number(value)
    if exact is None:
        raise RefusedError(f"{name}: not a number")
    if exact < 0:
        raise RefusedError(f"{name}: negative" + (": send a refund" if name == "total_amount" else ""))
    _, _, decimals = f"{exact:f}".partition(".")
    if len(decimals.rstrip("0")) > 4:
        raise RefusedError(f"{name}: more than 4 decimals")
    if exact >= 10**15:
        raise RefusedError(f"{name}: more than 15 digits before the point")
    if not isinstance(value, str):
        repairs.add("amount_from_number")
    return exact


def read_currency(value: object, repairs: set[str]) -> str:
    code = value.strip().upper() if isinstance(value, str) and value.isascii() else None
    if code not in CURRENCIES:
        raise RefusedError("currency: not a code of ISO 4217")
    if code != value:
        repairs.add("currency_spelling")
    return code


def read_label(value: object, repairs: set[str]) -> str | None:
    """Returns text for a scalar, and for a list the text of its first scalar."""
    if isinstance(value, list):
        scalars = [text for element in value if (text := scalar_text(element)) is not None]
        repairs.add("label_from_list" if scalars else "unusable_fields")
        return storable(scalars[0], repairs) if scalars else None
    text = scalar_text(value)
    if text is None:
        repairs.update(["unusable_fields"] if value is not None else [])
        return None
    if not isinstance(value, str):
        repairs.add("label_from_scalar")
    return storable(text, repairs)


def scalar_text(value: object) -> str | None:
    """Returns the text of a JSON scalar, or null for null, NaN, lists and objects.

    Numbers are written in full, and whole numbers as their digits.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and number(value) is not None:
        whole = integer(value)
        return f"{value:f}" if whole is None else str(whole)
    return str(value) if isinstance(value, str | int | Decimal) else None


def storable(text: str, repairs: set[str]) -> str:
    """Returns the text with U+FFFD in the place of each character that PostgreSQL cannot hold."""
    repaired = UNSTORABLE.sub("\ufffd", text)
    if repaired != text:
        repairs.add("replaced_text")
    return repaired


def read_flag(value: object, repairs: set[str]) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    text = value.strip().lower() if isinstance(value, str) else scalar_text(integer(value))
    if text not in TRUE | FALSE:
        repairs.add("unusable_fields")
        return False
    repairs.add("flag_spelling")
    return text in TRUE


def read_revision(value: object, repairs: set[str]) -> int:
    revision = 0 if value is None else integer(value)
    if revision is None or not 0 <= revision <= MAX_REVISION:
        repairs.add("unusable_fields")
        return 0
    repairs.update(["revision_spelling"] if type(value) is not int and value is not None else [])
    return revision


def check_schema_version(value: object, repairs: set[str]) -> None:
    if value is None or (type(value) is int and value == 1):
        return
    is_blank = isinstance(value, str) and not value.strip()
    if not is_blank and number(value) != 1:
        raise RefusedError("schema_version: not 1")
    repairs.add("schema_version_spelling")


def read_items(value: object, repairs: set[str]) -> list[dict[str, Any]] | None:
    """Returns the objects of a list, each with its product_id, quantity and unit_price."""
    if not isinstance(value, list):
        repairs.update(["unusable_fields"] if value is not None else [])
        return None
    if not all(isinstance(item, Object) for item in value):
        repairs.add("unusable_fields")
    return [_read_item(item, repairs) for item in value if isinstance(item, Object)]


def _read_item(item: Object, repairs: set[str]) -> dict[str, Any]:
    """Reads an item. Its quantity should be a JSON number, and its price decimal text."""
    fields = {name: None if name in item.twice else item.get(name) for name in ITEM_FIELDS}
    read: dict[str, Any] = {"product_id": read_label(fields["product_id"], repairs)}
    for name in ("quantity", "unit_price"):
        read[name] = number(fields[name])
        if read[name] is None and fields[name] is not None:
            repairs.add("unusable_fields")
    price = fields["unit_price"]
    is_plain_price = price is None or (isinstance(price, str) and PLAIN_DECIMAL.fullmatch(price))
    if (read["quantity"] is not None and isinstance(fields["quantity"], str)) or (
        read["unit_price"] is not None and not is_plain_price
    ):
        repairs.add("items_spelling")
    if item.twice.intersection(ITEM_FIELDS):
        repairs.add("unusable_fields")
    return read
