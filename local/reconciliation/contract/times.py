"""Times as the contract reads them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from local.reconciliation.contract.exact import number

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d|\d{8})"
    r"(?:[Tt ](?P<time>\d\d:\d\d(?::\d\d)?|\d{4}(?:\d\d)?)(?:[.,](?P<fraction>\d{1,9}))?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII | re.IGNORECASE,
)
MAX_OFFSET = timedelta(hours=18)
# The smallest number of each unit, and the microseconds in 1 of it.
UNITS = (
    (Decimal("1e17"), Decimal("0.001")),
    (Decimal("1e14"), 1),
    (Decimal("1e11"), 1000),
    (Decimal("1e8"), 1_000_000),
)
TOO_LARGE = Decimal("1e20")


class TimeError(ValueError):
    """A value is no time; the message says why."""


def read_time(value: object) -> tuple[datetime, bool]:
    """Returns the time in UTC, and whether it was a number.

    Raises:
        TimeError: the value is not a time with a zone, from 1970 on.
    """
    is_number = number(value) is not None and not _is_digits_of_a_date(value)
    at = _from_number(number(value) or Decimal(0)) if is_number else _from_text(value)
    if at < EPOCH:
        raise TimeError("before 1970")
    return at, is_number


def _is_digits_of_a_date(value: object) -> bool:
    """Returns whether the value is a number such as 20260301100000."""
    text = str(value).strip()
    if not re.fullmatch(r"\d{14}", text, re.ASCII):
        return False
    try:
        datetime.strptime(text, "%Y%m%d%H%M%S")  # noqa: DTZ007
    except ValueError:
        return False
    return True


def _from_number(value: Decimal) -> datetime:
    if value < 0 and -value >= UNITS[-1][0]:
        raise TimeError("before 1970")
    if value < TOO_LARGE:
        for smallest, microseconds in UNITS:
            if value >= smallest:
                try:
                    return EPOCH + timedelta(microseconds=int(value * microseconds // 1))
                except OverflowError as error:
                    raise TimeError("no such time") from error
    raise TimeError("expected a time like 2026-11-23T09:30:00.000Z")


def _from_text(value: object) -> datetime:
    if _is_digits_of_a_date(value):
        raise TimeError("has no zone")
    match = TEXT.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match or not _is_of_one_format(match):
        raise TimeError("expected a time like 2026-11-23T09:30:00.000Z")
    date, time = match["date"].replace("-", ""), (match["time"] or "").replace(":", "").ljust(6, "0")
    microsecond = int((match["fraction"] or "").ljust(6, "0")[:6])
    parts = (int(date[:4]), int(date[4:6]), int(date[6:]), int(time[:2]), int(time[2:4]), int(time[4:]), microsecond)
    try:
        local_time = datetime(*parts)  # noqa: DTZ001
    except ValueError as error:
        raise TimeError("no such time") from error
    if match["zone"] is None:
        raise TimeError("has no zone")
    try:
        return local_time.replace(tzinfo=_zone(match["zone"])).astimezone(UTC)
    except OverflowError as error:
        raise TimeError("no such time") from error


def _is_of_one_format(match: re.Match[str]) -> bool:
    """Returns whether date and time are both extended or both basic, and a fraction follows seconds."""
    date, time = match["date"], match["time"] or ""
    is_one_format = not time or ("-" in date) == (":" in time)
    return is_one_format and (match["fraction"] is None or len(time.replace(":", "")) == 6)


def _zone(text: str) -> timezone:
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if int(digits[2:]) > 59 or offset > MAX_OFFSET:
        raise TimeError("expected a time like 2026-11-23T09:30:00.000Z")
    return timezone(-offset if text[0] == "-" else offset)
