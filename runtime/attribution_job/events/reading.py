"""Reads one record: its pieces, what they mean by a mapping, and the events among them."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from runtime.attribution_job.events.contract import CONTRACTS, Contract
from runtime.attribution_job.events.framing import Piece, unpack
from runtime.attribution_job.events.validation import RefusedError, contract_of, parse_object, read_value

if TYPE_CHECKING:
    from runtime.attribution_job.events.mapping import EventMapping


class Outcome(NamedTuple):
    """An event, a dead letter with its `reason`, or something to ignore.

    `index` numbers the outcomes of a record from 0. `contract` is null where the kind of event is unknown. `data` are
    the bytes of the event.
    """

    index: int  # type: ignore[assignment]  # Hides the method of tuples.
    contract: Contract | None
    event: dict[str, Any] | None
    data: bytes
    reason: str | None
    ignored: bool


def outcomes(
    data: bytes, arrived_at: datetime, stream_contract: Contract, mapping: "EventMapping | None" = None
) -> list[Outcome]:
    """Reads a record of a stream whose events follow `stream_contract`, or are mapped to events of any kind.

    Returns:
        At least one outcome. Never raises.
    """
    pieces = unpack(data)
    if mapping is None:
        return [read_piece(piece, arrived_at, stream_contract) for piece in pieces]
    mapped = (outcome for piece in pieces for outcome in _map(piece, arrived_at, mapping))
    return [outcome._replace(index=index) for index, outcome in enumerate(mapped)]


def read_piece(piece: Piece, arrived_at: datetime, stream_contract: Contract) -> Outcome:
    """Reads one event of a record."""
    if piece.ignored or piece.reason is not None:
        return _unread(piece, piece.reason)
    try:
        value = parse_object(piece.data)
    except RefusedError as refusal:
        return _unread(piece, str(refusal))
    return _read(piece, value, arrived_at, contract_of(value, stream_contract))


def _map(piece: Piece, arrived_at: datetime, mapping: "EventMapping") -> Iterator[Outcome]:
    """Yields the outcomes of a piece: one for each event that the mapping makes of it."""
    if piece.ignored or piece.reason is not None:
        yield _unread(piece, piece.reason)
        return
    try:
        mapped_events = mapping.apply(parse_object(piece.data))
    except RefusedError as refusal:
        yield _unread(piece, str(refusal))
        return
    for kind, event in mapped_events:
        yield _read(piece, event, arrived_at, CONTRACTS[kind])
    if not mapped_events:
        yield _unread(piece, None)


def _read(piece: Piece, value: dict[str, Any], arrived_at: datetime, contract: Contract) -> Outcome:
    try:
        event = read_value(value, arrived_at, contract)
    except RefusedError as refusal:
        return Outcome(piece.index, contract, None, piece.data, str(refusal), ignored=False)
    return Outcome(piece.index, contract, event, piece.data, None, ignored=False)


def _unread(piece: Piece, reason: str | None) -> Outcome:
    """Returns the outcome of a piece that is no event: refused, or ignored if there is no reason."""
    return Outcome(piece.index, None, None, piece.data, reason, ignored=reason is None)
