"""Event times: every usual spelling with a zone, and the correction of clocks that are ahead."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runtime.attribution_job.events.contract import CHECKOUT, CLICK
from tests.runtime.attribution_job.events.examples import ARRIVAL, accepted, click, encode, outcome, refund

TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)
SECONDS = 1_772_359_200


def at(value: Any) -> dict[str, Any]:
    return click | {"click_timestamp": value}


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T10:00:00Z", "2026-03-01t10:00:00z", "2026-03-01 10:00:00Z", "2026-03-01T10:00Z",
        "2026-03-01T10:00:00.0Z", "2026-03-01T10:00:00+00:00", "2026-03-01T10:00:00+0000", "2026-03-01T10:00:00+00",
        "2026-03-01T10:00:00-00:00", "2026-03-01T12:00:00+02:00", "2026-03-01T04:30:00-0530",
        "2026-03-02T04:00:00+18:00", "2026-02-28T16:00:00-18:00", "2026-03-01T07:00:00\u221203:00",
        "2026-03-01 10:00:00 UTC", "2026-03-01 10:00:00 gmt", "2026-03-01 10:00:00 +0000", "2026-03-01 10:00 +00",
        "20260301T100000Z", "20260301T1000Z", "20260301T120000+0200", " 2026-03-01T10:00:00Z\n",
        "2026-03-01T10:00:00,000Z",
    ],
)  # fmt: skip
def test_every_usual_spelling_of_a_time_with_a_zone_is_read(text: str) -> None:
    event = accepted(CLICK, at(text))
    assert (event["click_timestamp"], event["repairs"]) == (TEN, [])


def test_the_first_moment_of_1970_is_a_time() -> None:
    assert accepted(CLICK, at("1970-01-01T00:00:00Z"))["click_timestamp"] == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("separator", ".,")
@pytest.mark.parametrize("digits", range(1, 10))
def test_a_fraction_is_cut_to_microseconds(digits: int, separator: str) -> None:
    fraction = "987654321"[:digits]
    event = accepted(CLICK, at(f"2026-03-01T10:00:00{separator}{fraction}Z"))
    assert event["click_timestamp"] == TEN + timedelta(microseconds=int(fraction.ljust(6, "0")[:6]))
    assert accepted(CLICK, at(f"20260301T100000{separator}{fraction}Z"))["click_timestamp"] == event["click_timestamp"]


@pytest.mark.parametrize(
    "number",
    [
        SECONDS, SECONDS * 10**3, SECONDS * 10**6, SECONDS * 10**9, float(SECONDS), f"{SECONDS}", f" {SECONDS}000 ",
        f"{SECONDS}.0", "1.7723592e9", f"{SECONDS}000000", f"{SECONDS}000000000",
    ],
)  # fmt: skip
def test_numbers_since_1970_are_told_apart_by_size(number: Any) -> None:
    event = accepted(CLICK, at(number))
    assert (event["click_timestamp"], event["repairs"]) == (TEN, ["time_from_number"])


def test_numbers_are_exact_to_the_microsecond() -> None:
    for number in (b"1772359200.123456789", b"1772359200123.456789", b"1772359200123456.789", b"1772359200123456789"):
        event = accepted(CLICK, encode(click).replace(b'"2026-11-23T11:59:59.123Z"', number))
        assert event["click_timestamp"] == TEN + timedelta(microseconds=123456), number


@pytest.mark.parametrize("number", [20261301100000, 20260230100000, 20260301250000, 20260301106000, 20260301100060])
def test_digits_that_are_no_date_are_a_number(number: int) -> None:
    event = accepted(CLICK, at(number))
    assert event["stated_timestamp"] == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "missing"),
        ("2026-03-01T10:00:00", "has no zone"),
        ("2026-03-01 10:00", "has no zone"),
        ("20260301T100000", "has no zone"),
        ("20260301100000", "has no zone"),
        (20260301100000, "has no zone"),
        ("20260301100000123", "has no zone"),
        ("20261231235959999", "has no zone"),
        ("202603011000", "has no zone"),
        ("2026-03-01T24:00:00Z", "no such time"),
        ("2026-03-01T25:00:00Z", "no such time"),
        ("2026-03-01T10:60:00Z", "no such time"),
        ("2026-03-01T10:00:60Z", "no such time"),
        ("2026-12-31T23:59:60Z", "no such time"),
        ("2026-02-30T10:00:00Z", "no such time"),
        ("2025-02-29T10:00:00Z", "no such time"),
        ("2026-13-01T10:00:00Z", "no such time"),
        ("2026-00-10T10:00:00Z", "no such time"),
        ("0000-01-01T00:00:00Z", "no such time"),
        ("0001-01-01T00:00:00+01:00", "no such time"),
        ("9999-12-31T23:59:59-01:00", "no such time"),
        ("2026-03-01T10:00:00+18:01", "no such time"),
        ("2026-03-01T10:00:00+24:00", "no such time"),
        ("2026-03-01T10:00:00+01:60", "no such time"),
        ("1969-12-31T23:59:59.999Z", "before 1970"),
        ("1970-01-01T00:30:00+01:00", "before 1970"),
        (-SECONDS, "before 1970"),
    ],
)
def test_a_time_that_cannot_be_is_refused_by_name(value: Any, reason: str) -> None:
    assert outcome(CLICK, at(value)).reason == f"click_timestamp: {reason}"


@pytest.mark.parametrize(
    "value",
    [
        "", "yesterday", "2026-03-01", "2026-03-01Z", "01/03/2026 10:00:00 UTC", "2026-03-01T10:00.5Z", "10:00:00Z",
        "2026-3-1T10:00:00Z", "2026-03-01T10:00:00.Z", "2026-03-01T10:00:00.1234567890Z", "2026-03-01T10:00:00 CET",
        "20260301T10:00:00Z", "٢٠٢٦-03-01T10:00:00Z", 0, 1, 20260301, 99_999_999, 10**20, 1e300, float("nan"),
        float("inf"), "1e999999999", True, ["2026-03-01T10:00:00Z"], {"$date": "2026-03-01T10:00:00Z"},
    ],
)  # fmt: skip
def test_another_value_is_refused_with_an_example(value: Any) -> None:
    expected = "click_timestamp: expected a time like 2026-11-23T09:30:00.000Z"
    assert outcome(CLICK, at(value)).reason == expected


AHEAD = "2026-11-23T12:10:00Z"
CORRECTED = ["clock_corrected"]


@pytest.mark.parametrize(
    ("stated", "sent_at", "read", "repairs"),
    [
        ("2026-11-23T12:05:00Z", None, timedelta(minutes=5), []),
        ("2026-11-23T12:05:00.000001Z", None, timedelta(), CORRECTED),
        ("2099-01-01T00:00:00Z", None, timedelta(), CORRECTED),
        (AHEAD, "2026-11-23T12:10:02Z", -timedelta(seconds=2), CORRECTED),
        (AHEAD, "2026-11-24T12:10:00Z", -timedelta(days=1), CORRECTED),
        (AHEAD, AHEAD, timedelta(), CORRECTED),
        (AHEAD, "2026-11-23T12:09:00Z", timedelta(), CORRECTED),
        (AHEAD, "2100-01-01T00:00:00Z", timedelta(), CORRECTED),
        (AHEAD, "soon", timedelta(), [*CORRECTED, "unusable_fields"]),
        (AHEAD, "2026-11-23T12:10:02", timedelta(), [*CORRECTED, "unusable_fields"]),
        (AHEAD, 1795435802, -timedelta(seconds=2), [*CORRECTED, "time_from_number"]),
        ("2026-11-23T11:00:00Z", "2026-11-23T11:30:00Z", -timedelta(hours=1), []),
        ("2026-11-23T11:00:00Z", "soon", -timedelta(hours=1), ["unusable_fields"]),
    ],
)
def test_a_clock_ahead_is_corrected(stated: str, sent_at: Any, read: timedelta, repairs: list[str]) -> None:
    event = accepted(CLICK, at(stated) | {"sent_at": sent_at})
    assert (event["click_timestamp"] - ARRIVAL, event["repairs"]) == (read, repairs)
    was_corrected = "clock_corrected" in repairs
    assert event["stated_timestamp"] == (datetime.fromisoformat(stated) if was_corrected else None)


def test_a_refund_from_the_future_is_corrected_too() -> None:
    event = accepted(CHECKOUT, refund | {"refund_timestamp": AHEAD, "sent_at": "2026-11-23T12:10:01Z"})
    assert event["refund_timestamp"] == ARRIVAL - timedelta(seconds=1)
