"""The results of framing: pieces with their index in the record, and parts before they have one."""

from typing import NamedTuple


class Piece(NamedTuple):
    """One event of a record, or a part of the record that cannot be read.

    `data` is the JSON text of one object (UTF-8, without a byte order mark or surrounding white space). With a
    `reason` it is a dead letter's bytes. An `ignored` piece is counted and not stored.
    """

    index: int  # type: ignore[assignment]  # Hides the method of tuples.
    data: bytes
    reason: str | None = None
    ignored: bool = False


class Part(NamedTuple):
    """A piece without its index."""

    data: bytes
    reason: str | None = None
    ignored: bool = False


class FramingError(ValueError):
    """The bytes cannot be unpacked. The message becomes the `reason` of a dead letter."""
