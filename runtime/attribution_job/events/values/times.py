"""Event times, and their correction where a sender's clock is ahead.

The parser is a regular expression of our own, because `datetime.fromisoformat` reads other texts in other Pythons.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from runtime.attribution_job.events.values import UNUSABLE, RefusedError, Repairs, require
from runtime.attribution_job.events.values.numbers import exact, whole

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The watermark never moves back: after a time far in the future, all other events would be late.
MAX_AHEAD = timedelta(minutes=5)
# Zone offsets end at 18 hours, as in Java.
MAX_OFFSET = timedelta(hours=18)
# With all separators, or with none.
ISO_8601 = re.compile(
    r"""
    (\d{4}) (?P<extended>-)? (\d\d) (?(extended)-) (\d\d) [Tt\ ] (\d\d) (?(extended):) (\d\d)
    (?: (?(extended):) (\d\d) (?: [.,](?P<fraction>\d{1,9}) )? )?
    \ * (?P<zone> [Zz] | [Uu][Tt][Cc] | [Gg][Mm][Tt]
      | (?P<sign>[+\-\u2212]) (?P<hours>\d\d) (?: :?(?P<minutes>\d\d) )? )?
    """,
    re.ASCII | re.VERBOSE,
)
# The number of units in a second, by the lowest absolute value of a number in that unit. Smaller numbers are no times.
UNITS = (
    (Decimal("1e17"), 10**9),
    (Decimal("1e14"), 10**6),
    (Decimal("1e11"), 10**3),
    (Decimal("1e8"), 1),
)
LIMIT = Decimal("1e20")
# Calendar digits without separators, such as 20260301100000. As a number they would be another time.
CALENDAR_DIGITS = re.compile(r"(?:19[7-9]|20\d)\d{9}(?:\d\d(?:\d{3})?)?", re.ASCII)


def read_time(value: Any, field: str, repairs: Repairs) -> datetime:
    """Reads ISO 8601 with a zone, or a number of seconds, ms, µs or ns since 1970, told apart by its size.

    Raises:
        RefusedError: the time is missing, has no zone, does not exist, is before 1970, or cannot be read.
    """
    if value is None:
        raise RefusedError(f"{field}: missing")
    match = ISO_8601.fullmatch(value.strip()) if isinstance(value, str) else None
    time = _iso_time(match, field) if match else _numeric_time(value, field)
    if time < EPOCH:
        raise RefusedError(f"{field}: before 1970")
    if not match:
        repairs.add("time_from_number")
    return time


def correct_clock(
    stated: datetime, sent_at: Any, arrived_at: datetime, repairs: Repairs
) -> tuple[datetime, datetime | None]:
    """Returns the event time, and the stated time if it was corrected.

    A time more than 5 minutes ahead of its arrival is taken as the time of arrival. If the event says when it was sent
    by the same clock, the time between the two is subtracted.
    """
    sent = _sent_at(sent_at, repairs)
    if stated <= arrived_at + MAX_AHEAD:
        return stated, None
    repairs.add("clock_corrected")
    age = max(sent - stated, timedelta()) if sent else timedelta()
    return (arrived_at - age if age <= arrived_at - EPOCH else arrived_at), stated


def _sent_at(value: Any, repairs: Repairs) -> datetime | None:
    try:
        return None if value is None else read_time(value, "sent_at", repairs)
    except RefusedError:
        repairs.add(UNUSABLE)
        return None


def _iso_time(match: re.Match[str], field: str) -> datetime:
    if match["zone"] is None:
        raise RefusedError(f"{field}: has no zone")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.group(1, 3, 4, 5, 6, 7))
    microsecond = int((match["fraction"] or "").ljust(6, "0")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, UTC) - _offset(match)
    except (ValueError, OverflowError):
        raise RefusedError(f"{field}: no such time") from None


def _offset(match: re.Match[str]) -> timedelta:
    if match["sign"] is None:
        return timedelta()
    minutes = int(match["minutes"] or 0)
    offset = timedelta(hours=int(match["hours"]), minutes=minutes)
    if minutes > 59 or offset > MAX_OFFSET:
        raise ValueError(f"no zone has the offset {offset}")
    return offset if match["sign"] == "+" else -offset


def _numeric_time(value: Any, field: str) -> datetime:
    expected = f"{field}: expected a time like 2026-11-23T09:30:00.000Z"
    number = exact(value)
    if number is None:
        raise RefusedError(expected)
    require(not _is_calendar(number), f"{field}: has no zone")
    size = number.copy_abs()
    units = next((units for lowest, units in UNITS if lowest <= size < LIMIT), None)
    if units is None:
        raise RefusedError(expected)
    require(number > 0, f"{field}: before 1970")
    return EPOCH + timedelta(microseconds=int(number * 10**6 / units))


def _is_calendar(number: Decimal) -> bool:
    """Tells whether the digits of a number are a date and a time of day."""
    digits = str(whole(number))
    if not CALENDAR_DIGITS.fullmatch(digits):
        return False
    parts = (digits[:4], digits[4:6], digits[6:8], digits[8:10], digits[10:12], digits[12:14] or "0")
    year, month, day, hour, minute, second = map(int, parts)
    try:
        datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return False
    return True
