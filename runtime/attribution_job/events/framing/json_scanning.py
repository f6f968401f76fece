"""Finds the ends of JSON values in bytes, in linear time and without recursion.

The scanner follows JSON's structure: brackets in strings, commas and colons count. A value's own syntax is not checked:
`{"a": 1.2.3}` has an end. The reader of events refuses it.
"""

import re
from collections.abc import Container, Iterator
from typing import NamedTuple

# The innermost object is not counted when it is flat.
MAX_DEPTH = 100
NOT_JSON = "not JSON"
TOO_DEEP = "JSON nested more than 100 deep"

# Possessive quantifiers (`*+`): no part is matched in two ways, so that a failed match costs no second look.
SPACE = rb"[ \t\r\n]*+"
STRING = rb'"[^"\\\x00-\x1f]*+(?:\\[^\x00-\x1f][^"\\\x00-\x1f]*+)*+"'
BARE = rb'[^\s"{}\[\],:\x00-\x1f]++'
SCALAR = rb"(?:" + STRING + rb"|" + BARE + rb")"
KEY = STRING + SPACE + rb":" + SPACE


def _members(value: bytes) -> bytes:
    return rb"(?:" + KEY + value + SPACE + rb"(?:," + SPACE + rb"|(?=\})))*+"


def _elements(value: bytes) -> bytes:
    return rb"(?:" + value + SPACE + rb"(?:," + SPACE + rb"|(?=\])))*+"


# A flat object counts as a scalar here: the items of a sale take one match.
FLAT_OBJECT = rb"\{" + SPACE + _members(SCALAR) + rb"\}"
SIMPLE = rb"(?:" + SCALAR + rb"|" + FLAT_OBJECT + rb")"
# From a position in an object or array to behind the next bracket that opens or closes a value.
OBJECT_REST = SPACE + _members(SIMPLE) + rb"(?:\}|" + KEY + rb"[{\[])"
ARRAY_REST = SPACE + _elements(SIMPLE) + rb"[\]{\[]"
OPEN_OBJECT, OPEN_ARRAY = b"{["
CLOSERS = b"}]"
AFTER_OPENING = {OPEN_OBJECT: re.compile(OBJECT_REST), OPEN_ARRAY: re.compile(ARRAY_REST)}
AFTER_CHILD = {
    OPEN_OBJECT: re.compile(SPACE + rb"(?:,|(?=\}))" + OBJECT_REST),
    OPEN_ARRAY: re.compile(SPACE + rb"(?:,|(?=\]))" + ARRAY_REST),
}
MEMBER = re.compile(SPACE + rb",?+" + SPACE + rb"(" + STRING + rb")" + SPACE + rb":" + SPACE + rb"(" + SCALAR + rb")?+")
ELEMENT = re.compile(rb"[ \t\r\n,]*+(" + SCALAR + rb")?+")


class Broken(NamedTuple):
    """The scan's last good position, and the opening brackets of the values that are open there."""

    position: int
    openings: list[int]
    reason: str


def end_of_value(data: bytes, start: int) -> int | Broken:
    """Returns the position behind the object or array that opens at `start`."""
    openings = [start]
    position = start + 1
    rest = AFTER_OPENING[data[start]]
    while True:
        match = rest.match(data, position)
        if match is None:
            return Broken(position, openings, NOT_JSON)
        position = match.end()
        bracket = data[position - 1]
        if bracket in CLOSERS:
            openings.pop()
            if not openings:
                return position
            rest = AFTER_CHILD[data[openings[-1]]]
        else:
            openings.append(position - 1)
            if len(openings) > MAX_DEPTH:
                return Broken(position, openings, TOO_DEEP)
            rest = AFTER_OPENING[bracket]


def members(value: bytes, wanted: Container[bytes]) -> dict[bytes, bytes]:
    """Returns the JSON texts of the `wanted` members of an object that `end_of_value` accepts."""
    found: dict[bytes, bytes] = {}
    position = 1
    while match := MEMBER.match(value, position):
        position = match.end()
        text = match[2]
        if text is None:
            text, position = _nested(value, position)
        if (name := match[1][1:-1]) in wanted:
            found[name] = text
    return found


def elements(value: bytes) -> Iterator[bytes]:
    """Yields the JSON texts of an array's elements."""
    position = 1
    while True:
        match = ELEMENT.match(value, position)
        assert match is not None  # noqa: S101  The pattern matches the empty text.
        position = match.end()
        text = match[1]
        if text is None:
            if value[position] not in b"{[":
                return
            text, position = _nested(value, position)
        yield text


def _nested(value: bytes, start: int) -> tuple[bytes, int]:
    end = end_of_value(value, start)
    if isinstance(end, Broken):
        raise ValueError(end.reason)
    return value[start:end], end
