"""Truth values, revisions and the version of the contract."""

from typing import Any

from runtime.attribution_job.events.contract import SCHEMA_VERSION
from runtime.attribution_job.events.values import REPEATED, UNUSABLE, Repairs, require
from runtime.attribution_job.events.values.numbers import exact, whole

TRUE = frozenset(("true", "1", "yes"))
FALSE = frozenset(("false", "0", "no", ""))
MAX_REVISION = 2**63 - 1


def read_flag(value: Any, repairs: Repairs) -> bool:
    """Returns a truth value. Null is false."""
    if value is None or isinstance(value, bool):
        return bool(value)
    text = value.strip().lower() if isinstance(value, str) else _digits(value)
    repairs.add("flag_spelling" if text in TRUE | FALSE else UNUSABLE)
    return text in TRUE


def read_revision(value: Any, repairs: Repairs) -> int:
    """Returns the number of an order's revision, 0 by default."""
    if value is None:
        return 0
    number = exact(value)
    revision = None if number is None else whole(number)
    if revision is None or not 0 <= revision <= MAX_REVISION:
        repairs.add(UNUSABLE)
        return 0
    if not isinstance(value, int):
        repairs.add("revision_spelling")
    return revision


def check_version(value: Any, repairs: Repairs) -> None:
    """Checks that an event follows this version of the contract.

    Raises:
        RefusedError: it states another version.
    """
    if value is REPEATED:
        repairs.add(UNUSABLE)
    elif value is not None and not (type(value) is int and value == SCHEMA_VERSION):
        is_blank = isinstance(value, str) and not value.strip()
        require(is_blank or exact(value) == SCHEMA_VERSION, f"schema_version: expected {SCHEMA_VERSION}")
        repairs.add("schema_version_spelling")


def _digits(value: Any) -> str | None:
    number = exact(value)
    return None if number is None else str(whole(number))
