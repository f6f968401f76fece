"""Times in section 2 of the event contract."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.local.reconciliation.sending import ARRIVED, accepted, checkout, click, refund, repairs

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T10:00:00.000Z",
        "2026-11-23T10:00:00Z",
        "2026-11-23T10:00Z",
        "2026-11-23t10:00:00z",
        "2026-11-23 10:00:00+00:00",
        "2026-11-23T10:00:00+0000",
        "2026-11-23T10:00:00+00",
        "2026-11-23T10:00:00-00:00",
        "2026-11-23 10:00:00 UTC",
        "2026-11-23 10:00:00 GMT",
        "2026-11-23T10:00:00utc",
        "2026-11-23T15:30:00+05:30",
        "2026-11-24T04:00:00+18:00",
        "20261123T100000Z",
        " 2026-11-23T10:00:00Z\n",
        "1795428000",
        "1795428000000",
        "1795428000.0",
        1795428000,
        1795428000000,
        1795428000000000,
        1795428000000000000,
        1795428000.0,
    ],
    ids=repr,
)
def test_every_unambiguous_spelling_of_a_time_is_read(text: object) -> None:
    assert accepted(click(click_timestamp=text)).at == AT


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-11-23T10:00:00.1Z", 100_000),
        ("2026-11-23T10:00:00,123Z", 123_000),
        ("2026-11-23T10:00:00.123456789Z", 123_456),
        (1795428000.25, 250_000),
        (1795428000123456999, 123_456),
    ],
)
def test_a_fraction_is_cut_to_microseconds(text: object, microsecond: int) -> None:
    assert accepted(click(click_timestamp=text)).at == AT.replace(microsecond=microsecond)


def test_a_time_from_a_number_is_counted() -> None:
    assert repairs(click(click_timestamp=1795428000)) == ["time_from_number"]
    assert repairs(click(click_timestamp="1795428000")) == ["time_from_number"]
    assert repairs(click(click_timestamp="2026-11-23T10:00:00+00")) == []


UNREADABLE = "expected a time like 2026-11-23T09:30:00.000Z"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "missing"),
        ("2026-11-23T10:00:00", "has no zone"),
        ("2026-11-23 10:00", "has no zone"),
        ("20261123100000", "has no zone"),
        (20261123100000, "has no zone"),
        ("20261123T10:00:00Z", UNREADABLE),
        ("2026-11-23T10:00.5Z", UNREADABLE),
        ("2026-11-23T24:00:00Z", "no such time"),
        ("2026-11-23T10:00:60Z", "no such time"),
        ("2026-02-30T10:00:00Z", "no such time"),
        ("1969-12-31T23:59:59.999Z", "before 1970"),
        ("1970-01-01T00:30:00+01:00", "before 1970"),
        (-1795428000, "before 1970"),
        ("2026-11-23T10:00:00+18:01", UNREADABLE),
        ("2026-11-23T10:00:00.1234567890Z", UNREADABLE),
        ("٢٠٢٦-11-23T10:00:00Z", UNREADABLE),
        ("yesterday", UNREADABLE),
        (5, UNREADABLE),
        (10**20, UNREADABLE),
        (True, UNREADABLE),
        ([], UNREADABLE),
    ],
    ids=repr,
)
def test_another_time_is_refused_with_its_reason(text: object, reason: str) -> None:
    assert click(click_timestamp=text) == f"click_timestamp: {reason}"


def test_a_time_of_1970_is_accepted() -> None:
    assert accepted(click(click_timestamp="1970-01-01T00:00:00Z")).at.year == 1970


def test_a_time_within_five_minutes_of_arrival_stands() -> None:
    event = accepted(click(click_timestamp="2026-11-23T12:05:00Z"))
    assert (event.at, event.details["stated_timestamp"]) == (ARRIVED + timedelta(minutes=5), None)


@pytest.mark.parametrize(
    ("sent_at", "at"),
    [
        (None, ARRIVED),
        ("2026-11-23T13:00:10Z", ARRIVED - timedelta(seconds=10)),
        ("2026-11-23T12:59:00Z", ARRIVED),
        (1795438810, ARRIVED - timedelta(seconds=10)),
        ("2199-01-01T00:00:00Z", ARRIVED),
        ("soon", ARRIVED),
    ],
    ids=repr,
)
def test_a_clock_that_is_ahead_is_corrected(sent_at: object, at: datetime) -> None:
    stated = "2026-11-23T13:00:00Z"
    for event in (
        click(click_timestamp=stated, sent_at=sent_at),
        checkout(checkout_timestamp=stated, sent_at=sent_at),
        refund(refund_timestamp=stated, sent_at=sent_at),
    ):
        assert accepted(event).at == at
        assert accepted(event).details["stated_timestamp"] == datetime(2026, 11, 23, 13, tzinfo=UTC)
        assert "clock_corrected" in repairs(event)
        assert ("unusable_fields" in repairs(event)) == (sent_at == "soon")
