"""Tables of parsed events and dead letters."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from runtime.attribution_job.events.contract import CONTRACTS, Contract, Kind
from runtime.attribution_job.events.reading import Outcome
from runtime.attribution_job.events.schemas import DEAD_LETTER, event_schema

# The columns of a record, and the outcome of one of its events.
Row = tuple[Mapping[str, Any], Outcome]


class Parsed(NamedTuple):
    """Accepted events by kind (columns of `event_schema`), and dead letters (columns of DEAD_LETTER)."""

    click: pa.Table
    checkout: pa.Table
    refund: pa.Table
    dead_letter: pa.Table


def parsed_events(events: pa.Table, contract: Contract) -> Parsed:
    """Returns the tables of events of one kind."""
    return _tables({contract.kind: events}, DEAD_LETTER.empty_table())


def parsed_rows(rows: Iterable[Row]) -> Parsed:
    """Returns the tables of outcomes."""
    events: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in CONTRACTS}
    dead_letters = []
    for record, outcome in rows:
        if outcome.contract and outcome.event:
            events[outcome.contract.kind].append(_event_row(record, outcome.index, outcome.event))
        else:
            dead_letters.append(_dead_letter(record, outcome))
    return _tables(
        {kind: pa.Table.from_pylist(events[kind], schema=event_schema(CONTRACTS[kind])) for kind in events},
        pa.Table.from_pylist(dead_letters, schema=DEAD_LETTER),
    )


def concatenate(parts: Sequence[Parsed]) -> Parsed:
    return Parsed(*map(pa.concat_tables, zip(*parts, strict=True)))


def _tables(events: Mapping[Kind, pa.Table], dead_letters: pa.Table) -> Parsed:
    """Returns these tables, and empty ones for kinds without events."""
    tables = {kind: events.get(kind, event_schema(contract).empty_table()) for kind, contract in CONTRACTS.items()}
    return Parsed(tables["click"], tables["checkout"], tables["refund"], dead_letters)


def _event_row(record: Mapping[str, Any], index: int, event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **event,
        # PostgreSQL's text form of an array.
        "repairs": f"{{{','.join(event['repairs'])}}}" if event["repairs"] else None,
        "unknown_names": ",".join(event["unknown_names"]) or None,
        "arrived_at": record["approximateArrivalTimestamp"],
        "sequence_number": record["sequenceNumber"],
        "record_index": index,
    }


def _dead_letter(record: Mapping[str, Any], outcome: Outcome) -> dict[str, Any]:
    """Returns the row of a dead letter; `data` is the event's bytes in PostgreSQL's hex format for bytea."""
    return {
        "stream_name": record["streamName"],
        "sequence_number": record["sequenceNumber"],
        "record_index": outcome.index,
        "partition_key": record["partitionKey"],
        "reason": outcome.reason,
        "data": "\\x" + outcome.data.hex(),
        "arrived_at": record["approximateArrivalTimestamp"],
    }
