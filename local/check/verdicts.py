"""Verdicts on events: the job's own reading of a record, with the place of the event in its file."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from local.event_files.routing import id_text, kind_of, parse, route
from local.event_files.rows import Row
from runtime.attribution_job.events.contract import CHECKOUT, CLICK, CONTRACTS, Contract, Kind
from runtime.attribution_job.events.mapping import EventMapping
from runtime.attribution_job.events.reading import Outcome, outcomes
from runtime.data_generator.events import Stream

Judgement = Literal["accepted", "refused", "ignored"]
STREAM_CONTRACTS: Mapping[Stream, Contract] = {"clicks": CLICK, "checkouts": CHECKOUT}
EXPECTED_RECORD = "not a record: expected an object with stream (clicks or checkouts), arrived_at and data_base64"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The outcome of one event. The fields are those of `check --json`; null where they are unknown or do not apply.

    `line`: of the file, from 1; in Parquet, the row. `index`: place of the event among those of its line, from 0.
    `amount`: exact decimal text. `reason`: why the event is refused. `repairs`: names of the repairs.
    """

    file: str
    line: int
    index: int
    kind: Kind | None = None
    id: str | None = None
    user_id: str | None = None
    event_time: str | None = None
    amount: str | None = None
    currency: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    verdict: Judgement
    reason: str | None = None
    repairs: tuple[str, ...] = ()

    def as_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Reads the rows of one file as the job does.

    `default_kind`: of rows that tell no kind. `arrived_at`: the time of the check, because a file states no arrival.
    `of_records`: the rows are records of a stream, with their own stream and arrival.
    """

    file: str
    default_kind: Kind = "click"
    mapping: EventMapping | None = None
    arrived_at: datetime
    of_records: bool = False

    def verdicts(self, row: Row) -> Iterator[Verdict]:
        """Yields a verdict for each event of the row; none for a blank row."""
        if row.is_blank:
            return
        if row.data is None:
            yield Verdict(file=self.file, line=row.line, index=row.place, verdict="refused", reason=row.reason)
        elif self.of_records:
            yield from self._verdicts_of_record(row, row.data)
        elif self.mapping:
            yield from self._verdicts(row, 0, row.data, self.arrived_at, "clicks")
        else:
            for routed in route(row.data, self.default_kind):
                yield from self._verdicts(row, routed.place, routed.data, self.arrived_at, routed.stream)

    def _verdicts_of_record(self, row: Row, line: bytes) -> Iterator[Verdict]:
        try:
            stream, arrived_at, data = _record(line)
        except (ValueError, TypeError, KeyError, RecursionError):
            yield Verdict(file=self.file, line=row.line, index=row.place, verdict="refused", reason=EXPECTED_RECORD)
        else:
            yield from self._verdicts(row, 0, data, arrived_at, stream)

    def _verdicts(self, row: Row, place: int, data: bytes, arrived_at: datetime, stream: Stream) -> Iterator[Verdict]:
        for outcome in outcomes(data, arrived_at, STREAM_CONTRACTS[stream], self.mapping):
            yield self._verdict(outcome, row.line, row.place + place + outcome.index)

    def _verdict(self, outcome: Outcome, line: int, index: int) -> Verdict:
        place: dict[str, Any] = {"file": self.file, "line": line, "index": index}
        if outcome.event is not None and outcome.contract is not None:
            return Verdict(**place, verdict="accepted", **_accepted(outcome.event, outcome.contract))
        if outcome.ignored:
            return Verdict(**place, verdict="ignored", reason=outcome.reason)
        value = parse(outcome.data)
        fields = value if isinstance(value, dict) else {}
        kind = kind_of(fields)
        if kind is None and self.mapping and outcome.contract:
            kind = outcome.contract.kind
        return Verdict(
            **place,
            kind=kind,
            id=id_text(fields.get(CONTRACTS[kind].id)) if kind else None,
            user_id=id_text(fields.get("user_id")),
            verdict="refused",
            reason=outcome.reason,
        )


def _record(line: bytes) -> tuple[Stream, datetime, bytes]:
    """Returns a record's stream, arrival and bytes. Raises ValueError, TypeError or KeyError if one is unusable."""
    record = json.loads(line)
    stream = next(name for name in [*get_args(Stream), None] if name == record["stream"] or name is None)
    arrived_at = datetime.fromisoformat(record["arrived_at"])
    if stream is None or arrived_at.tzinfo is None:
        raise ValueError(record["stream"])
    try:
        return stream, arrived_at.astimezone(UTC), base64.b64decode(record["data_base64"], validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error


def _accepted(event: Mapping[str, Any], contract: Contract) -> dict[str, Any]:
    repairs = list(event["repairs"] or ())
    if event["unknown_fields"]:
        repairs.append("unknown_fields")
    return {
        "kind": contract.kind,
        "id": event[contract.id],
        "user_id": event["user_id"],
        "event_time": time_text(event[contract.timestamp]),
        "amount": event[contract.amount] if contract.amount else None,
        "currency": event.get("currency"),
        "utm_source": event.get("utm_source"),
        "utm_medium": event.get("utm_medium"),
        "utm_campaign": event.get("utm_campaign"),
        "repairs": tuple(sorted(repairs)),
    }


def time_text(time: datetime) -> str:
    """Returns the time in UTC, with milliseconds, or with microseconds if they are not whole milliseconds."""
    precision = "microseconds" if time.microsecond % 1000 else "milliseconds"
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
