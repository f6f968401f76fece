"""The stream that a row of a file belongs to, by the kind of its events."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from runtime.attribution_job.events.contract import CONTRACTS, Kind
from runtime.attribution_job.events.framing import unpack
from runtime.data_generator.events import Stream

ID_FIELDS: frozenset[str] = frozenset(contract.id for contract in CONTRACTS.values())
ID_IN_TEXT = re.compile(rb'"(click|checkout|refund)_id"\s*:')


class Routed(NamedTuple):
    """The record that a row sends to a stream.

    `place`: number of earlier events in the row. `user_id`: null where unknown.
    """

    stream: Stream
    place: int
    data: bytes
    user_id: str | None


def route(data: bytes, default_kind: Kind) -> list[Routed]:
    """Returns what a row sends to which stream: itself, or its events one by one if they belong to both streams.

    A row that tells no kind, such as broken JSON, belongs to the stream of `default_kind`.
    """
    value = parse(data)
    if isinstance(value, dict):
        return [_routed(0, data, value, default_kind)]
    events = [_routed(piece.index, piece.data, parse(piece.data), default_kind) for piece in unpack(data)]
    if len({event.stream for event in events}) > 1:
        return events
    return [Routed(events[0].stream, 0, data, None)]


def parse(data: bytes) -> Any:
    """Returns the JSON value; None if the bytes are not JSON. Numbers may lose digits."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def kind_of(fields: Mapping[str, Any]) -> Kind | None:
    """Returns the kind that these fields make; None if no id of an event is among them.

    An event may have the id of another kind: a refund names its checkout. The kind with most required fields is taken.
    """
    contracts = [contract for contract in CONTRACTS.values() if fields.get(contract.id) is not None]
    if len(contracts) < 2:
        return contracts[0].kind if contracts else None
    return max(contracts, key=lambda contract: sum(fields.get(name) is not None for name in contract.required)).kind


def id_text(value: Any) -> str | None:
    """Returns an id as text, as far as an event that was not read has one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value).strip() or None


def _routed(place: int, data: bytes, value: Any, default_kind: Kind) -> Routed:
    fields = value if isinstance(value, dict) else {}
    kind = kind_of(fields) or _kind_in_text(data) or default_kind
    return Routed("clicks" if kind == "click" else "checkouts", place, data, id_text(fields.get("user_id")))


def _kind_in_text(data: bytes) -> Kind | None:
    """Returns the kind that the first name of an id in the text makes: in broken JSON, or within an envelope."""
    match = ID_IN_TEXT.search(data)
    return next((kind for kind in CONTRACTS if match and match[1] == kind.encode()), None)
