from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime.data_generator.invocation import ORIGIN, Invocation, read_event
from runtime.data_generator.settings import SettingsError

NOW = datetime(2026, 6, 1, 12, 0, 0, 123_456, tzinfo=UTC)

SCHEDULED: dict[str, Any] = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "123456789012",
    "time": "2026-05-05T10:05:00Z",
    "region": "eu-west-1",
    "resources": ["arn:aws:events:eu-west-1:123456789012:rule/every-five-minutes"],
    "detail": {},
}


def read(event: object, request_id: str = "request-1", now: datetime = NOW) -> tuple[Invocation, dict[str, object]]:
    return read_event(event, request_id=request_id, now=now)


def test_a_scheduled_event_has_its_own_id_and_time_and_no_overrides() -> None:
    expected = Invocation(SCHEDULED["id"], datetime(2026, 5, 5, 10, 5, tzinfo=UTC))
    assert read(SCHEDULED) == (expected, {})


def test_a_scheduled_event_is_independent_of_the_clock_and_the_request() -> None:
    assert read(SCHEDULED, "request-2", NOW + timedelta(hours=1)) == read(SCHEDULED)


def test_top_level_overrides_win_over_overrides_in_detail() -> None:
    event = SCHEDULED | {"detail": {"clicks": 1, "users": 2}, "clicks": 3}
    assert read(event)[1] == {"clicks": 3, "users": 2}


def test_a_seed_without_a_time_is_repeatable() -> None:
    first = read({"clicks": 5000, "seed": 7})
    assert first[0].time == ORIGIN
    assert read({"seed": 7, "clicks": 5000}, "request-2", NOW + timedelta(days=1)) == first
    assert read({"clicks": 5001, "seed": 7})[0].id != first[0].id


def test_a_run_without_seed_and_time_ends_now_with_a_unique_id() -> None:
    first, _ = read({"clicks": 10})
    assert first.time == NOW
    others = [
        read({"clicks": 11})[0],
        read({"clicks": 10}, "request-2")[0],
        read({"clicks": 10}, now=NOW + timedelta(microseconds=1))[0],
    ]
    assert len({first.id, *(other.id for other in others)}) == 4


def test_a_time_in_another_zone_is_converted_to_utc() -> None:
    invocation, _ = read({"id": "x", "time": "2026-05-05T12:05:00+02:00"})
    assert invocation == Invocation("x", datetime(2026, 5, 5, 10, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        (None, "payload = None"),
        ([], r"payload = \[\]"),
        ("start", "payload = 'start'"),
        ({"detail": None}, "payload detail = None"),
        ({"id": ""}, "payload id = ''"),
        ({"id": 7}, "payload id = 7"),
        ({"time": 1}, "payload time = 1"),
        ({"time": "yesterday"}, "payload time = 'yesterday'"),
        ({"time": "2026-05-05T10:05:00"}, "payload time = '2026-05-05T10:05:00'"),
        ({"time": "0001-01-01T00:00:00Z"}, "payload time = '0001-01-01T00:00:00Z'"),
        ({"time": "9999-12-31T23:59:59-01:00"}, "payload time = '9999-12-31T23:59:59-01:00'"),
    ],
)
def test_an_invalid_payload_is_refused_with_its_field_and_value(event: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read(event)
