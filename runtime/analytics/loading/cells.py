"""The values of the cells of the CSV files. Each function raises ValueError with the remedy."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

MAX_DIGITS = 15
AMOUNT_DECIMALS = 4
RATE_DECIMALS = 12
PLAIN_DECIMAL = re.compile(r"\+?(\d+)(?:\.(\d+))?", re.ASCII)
GROUPED_DIGITS = re.compile(r"[+-]?[\d ,.'\u2019_\u00a0\u202f]+", re.ASCII)
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
BOOLEANS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
UNATTRIBUTED = "(unattributed)"
METRICS = ("conversion_rate", "revenue_per_user")
MAX_ID_BYTES = 200
MAX_LIFT = 1000


def read_day(cell: str) -> date:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", cell, re.ASCII):
        raise ValueError("write the day as YYYY-MM-DD, such as 2026-03-01")
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError("no such day; write a day of the calendar as YYYY-MM-DD") from None


def read_text(cell: str) -> str:
    if CONTROL_CHARACTER.search(cell):
        raise ValueError("has a line break or control character; remove it")
    return cell


def read_channel(cell: str) -> str:
    if cell.lower() == UNATTRIBUTED:
        raise ValueError("is the name for checkouts without a click; give another name")
    return read_text(cell)


def read_pattern(cell: str) -> str | None:
    """Returns a pattern, which only PostgreSQL can check; None, which means any value, for an empty cell."""
    return read_text(cell) or None


def read_amount(cell: str) -> Decimal:
    return _read_decimal(cell, AMOUNT_DECIMALS)


def read_rate(cell: str) -> Decimal:
    rate = _read_decimal(cell, RATE_DECIMALS)
    if not rate:
        raise ValueError("a rate is above 0; give the value of 1 unit in the reporting currency, or leave the row out")
    return rate


def read_currency(cell: str) -> str:
    """Returns a code of three letters in capitals. The table `currency_units` has the codes that exist."""
    code = cell.upper()
    if not re.fullmatch("[A-Z]{3}", code):
        raise ValueError("write the code of ISO 4217, such as EUR")
    return code


def read_priority(cell: str) -> int:
    if not re.fullmatch(r"\d{1,9}", cell, re.ASCII):
        raise ValueError("write a whole number from 0 to 999999999; the smallest is tried first")
    return int(cell)


def read_id(cell: str) -> str:
    """Returns an id as events carry it, which an index of the database can hold."""
    if len(cell.encode()) > MAX_ID_BYTES:
        raise ValueError(f"has more than {MAX_ID_BYTES} bytes; write the id as the clicks have it")
    return read_text(cell)


def read_time(cell: str) -> datetime:
    try:
        time = datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError("write the time as YYYY-MM-DDThh:mm:ssZ, such as 2026-03-01T09:00:00Z, or a day") from None
    if time.tzinfo is None and len(cell) > len("YYYY-MM-DD"):
        raise ValueError("has no zone; append Z for UTC, or an offset such as +01:00")
    return time.replace(tzinfo=time.tzinfo or UTC)


def read_end(cell: str) -> datetime | None:
    return read_time(cell) if cell else None


def read_share(cell: str) -> Decimal:
    share = _read_decimal(cell, AMOUNT_DECIMALS)
    if not share:
        raise ValueError("a share is above 0; leave out a variant that nobody is to see")
    return share


def read_metric(cell: str) -> str:
    if cell and cell not in METRICS:
        raise ValueError(f"write {' or '.join(METRICS)}; an empty cell means {METRICS[0]}")
    return cell or METRICS[0]


def read_alpha(cell: str) -> Decimal:
    alpha = _read_decimal(cell or "0.05", AMOUNT_DECIMALS)
    if not 0 < alpha < 1:
        raise ValueError("is not between 0 and 1; write the accepted share of false positives, such as 0.05")
    return alpha


def read_lift(cell: str) -> Decimal | None:
    if not cell:
        return None
    lift = _read_decimal(cell, AMOUNT_DECIMALS)
    if not 0 < lift <= MAX_LIFT:
        raise ValueError(
            f"is not above 0 and at most {MAX_LIFT}; write the relative rise to detect, such as 0.05 for 5 %"
        )
    return lift


def read_fall(cell: str) -> Decimal:
    fall = _read_decimal(cell or "0", AMOUNT_DECIMALS)
    if fall >= 1:
        raise ValueError("is not below 1; write the relative fall that is accepted, such as 0.01 for 1 %")
    return fall


def read_boolean(cell: str) -> bool:
    value = BOOLEANS.get(cell.lower())
    if value is None:
        raise ValueError("write true or false")
    return value


def _read_decimal(cell: str, decimals: int) -> Decimal:
    """Returns a decimal number of at least 0 that fits into its column exactly."""
    if cell.startswith("-") and PLAIN_DECIMAL.fullmatch(cell[1:]):
        raise ValueError("is negative; write a number of at least 0")
    number = PLAIN_DECIMAL.fullmatch(cell)
    if not number:
        if GROUPED_DIGITS.fullmatch(cell) and any(map(str.isdigit, cell)):
            raise ValueError("has a decimal comma or a thousands separator; write it like 1234.50")
        raise ValueError("is not a decimal number; write it like 1234.50, without a currency or an exponent")
    if len(number[1].lstrip("0")) > MAX_DIGITS:
        raise ValueError(f"has more than {MAX_DIGITS} digits before the point; is it the right number?")
    if len((number[2] or "").rstrip("0")) > decimals:
        raise ValueError(f"has more than {decimals} decimals; round it")
    return Decimal(cell)
