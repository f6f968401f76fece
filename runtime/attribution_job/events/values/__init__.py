"""Readers of single values, one module a kind of value.

A reader takes a value of an event's JSON and returns the value that is stored. It adds the names of its repairs to a
set. Readers of required fields refuse values that cannot be read. Readers of optional fields give null for them, and
add UNUSABLE to the repairs.
"""

from typing import Any, Final

Repairs = set[str]

UNUSABLE = "unusable_fields"


class RefusedError(ValueError):
    """The event breaks the contract. The message becomes the `reason` of the dead letter."""


class _Repeated:
    """The type of REPEATED."""

    def __repr__(self) -> str:
        return "a field twice"


# The value of a field that its object has twice: nobody can tell which of the values was meant.
REPEATED: Final[Any] = _Repeated()


def require(condition: object, reason: str) -> None:
    """Refuses the event with `reason` unless the condition holds."""
    if not condition:
        raise RefusedError(reason)
