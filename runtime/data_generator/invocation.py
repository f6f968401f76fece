"""Who asked for a simulation, and for when: what makes a retried invocation repeat itself."""

import hashlib
import json
import reprlib
from datetime import UTC, datetime
from typing import NamedTuple

from runtime.data_generator.settings import SettingsError

# Where a repeatable run that names no time ends: one whose payload has a seed, but no `time`.
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)

# EventBridge's own keys. Of these only id, time and detail are read.
ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}


class Invocation(NamedTuple):
    """What identifies the triggering event; `time` is aware, in UTC."""

    id: str
    time: datetime


def read_event(event: object, *, request_id: str, now: datetime) -> tuple[Invocation, dict[str, object]]:
    """Split a payload into the invocation's identity and the settings that it overrides.

    Overrides stand at the top level or in `detail`; the top level wins. Without a time, a payload that names
    a seed asks for a repeatable run, which ends at ORIGIN; any other run ends now. Without an id, the
    payload's digest stands in; for a run that ends now the time and the request belong to it, so that an id
    never comes back with other content. Raises SettingsError.
    """
    payload = _json_object("payload", event)
    overrides = _json_object("payload detail", payload.get("detail", {})) | {
        name: value for name, value in payload.items() if name not in ENVELOPE
    }
    origin: list[object] = [payload]
    if "time" in payload:
        time = _time(payload["time"])
    elif "seed" in overrides:
        time = ORIGIN
    else:
        time = now.astimezone(UTC)
        origin += [time.isoformat(), request_id]
    invocation_id = _id(payload["id"]) if "id" in payload else _digest(origin)
    return Invocation(invocation_id, time), overrides


def _json_object(name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(f"{name} = {reprlib.repr(value)}: must be a JSON object")
    return value


def _id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"payload id = {reprlib.repr(value)}: must be a string that is not empty")
    return value


def _time(value: object) -> datetime:
    try:
        time = datetime.fromisoformat(value)  # type: ignore[arg-type]  # TypeError is the answer to a non-string
        if time.tzinfo is not None and time.year >= 1970:
            return time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise SettingsError(f"payload time = {reprlib.repr(value)}: must be an ISO-8601 time with a zone, from 1970 on")


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
