"""Identity of an invocation: the id and time that make a retried invocation publish the same records."""

import hashlib
import json
import reprlib
from datetime import UTC, datetime
from typing import NamedTuple

from runtime.data_generator.settings import SettingsError

# End time of a run whose payload has a `seed` but no `time`. A fixed time makes the run repeatable.
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)

# Keys of EventBridge's envelope. Only `id`, `time` and `detail` are read.
ENVELOPE = {"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"}


class Invocation(NamedTuple):
    """Identity of the triggering event. `time` has a time zone, UTC."""

    id: str
    time: datetime


def read_event(event: object, *, request_id: str, now: datetime) -> tuple[Invocation, dict[str, object]]:
    """Splits a payload into the invocation's identity and the overridden settings.

    Overrides: fields at the top level or in `detail`. The top level wins.
    Time: the payload's `time`, else ORIGIN if the payload has a `seed`, else `now`.
    Id: the payload's `id`, else a digest of the payload. When the time is `now`, the digest also covers the time
    and the request id, so two runs with different records never share an id.

    Raises:
        SettingsError: the payload, its `detail`, its `id` or its `time` is invalid.
    """
    payload = _json_object("payload", event)
    overrides = _json_object("payload detail", payload.get("detail", {})) | {
        name: value for name, value in payload.items() if name not in ENVELOPE
    }
    digest_input: list[object] = [payload]
    if "time" in payload:
        time = _read_time(payload["time"])
    elif "seed" in overrides:
        time = ORIGIN
    else:
        time = now.astimezone(UTC)
        digest_input += [time.isoformat(), request_id]
    invocation_id = _read_id(payload["id"]) if "id" in payload else _digest(digest_input)
    return Invocation(invocation_id, time), overrides


def _json_object(name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(f"{name} = {reprlib.repr(value)}: must be a JSON object")
    return value


def _read_id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise SettingsError(f"payload id = {reprlib.repr(value)}: must be a non-empty string")
    return value


def _read_time(value: object) -> datetime:
    try:
        time = datetime.fromisoformat(value)  # type: ignore[arg-type]  # a non-string raises TypeError
        if time.tzinfo is not None and time.year >= 1970:
            return time.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        pass
    raise SettingsError(f"payload time = {reprlib.repr(value)}: must be an ISO-8601 time with a zone, from 1970 on")


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]
