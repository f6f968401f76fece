"""Amounts and currencies. An amount is exact decimal text."""

import re
from typing import Any

from runtime.attribution_job.events.values import RefusedError, Repairs, require
from runtime.attribution_job.events.values.currencies import CURRENCIES
from runtime.attribution_job.events.values.numbers import exact

# numeric(19, 4)
MAX_DIGITS = 15
MAX_DECIMALS = 4
SEPARATED_DIGITS = re.compile(r"[+-]?[\d ,.'\u2019_]+", re.ASCII)


def read_amount(value: Any, field: str, repairs: Repairs, *, negative: str = "negative") -> str:
    """Returns an amount as decimal text without a sign or an exponent.

    Zeros are cut or added at its end until it has two decimals, unless it needs more: 39.9 becomes 39.90, and 19.9000
    becomes 19.90. An amount without a decimal point stays so: 1980.

    Raises:
        RefusedError: the amount is missing, no number, negative, or does not fit. `negative` is the reason then.
    """
    require(value is not None, f"{field}: missing")
    number = exact(value)
    if number is None:
        raise RefusedError(f"{field}: {_problem(value)}")
    require(number >= 0, f"{field}: {negative}")
    if number:
        # Checked before the digits are written: an exponent can mean millions of zeros.
        require(number.adjusted() < MAX_DIGITS, f"{field}: more than {MAX_DIGITS} digits before the point")
        require(number.adjusted() >= -MAX_DECIMALS, f"{field}: more than {MAX_DECIMALS} decimals")
        integer, point, decimals = f"{number.copy_abs():f}".partition(".")
    else:
        integer, point, decimals = "0", "." if number.as_tuple().exponent else "", ""
    decimals = decimals.rstrip("0")
    require(len(decimals) <= MAX_DECIMALS, f"{field}: more than {MAX_DECIMALS} decimals")
    if not isinstance(value, str):
        repairs.add("amount_from_number")
    return integer + point + (decimals.ljust(2, "0") if point else "")


def read_currency(value: Any, repairs: Repairs) -> str:
    """Returns the code of a currency of ISO 4217, in capitals.

    Raises:
        RefusedError: the currency is missing, or not in ISO 4217.
    """
    require(value is not None, "currency: missing")
    code = value.strip().upper() if isinstance(value, str) and value.strip().isascii() else ""
    require(code in CURRENCIES, "currency: not in ISO 4217")
    if code != value:
        repairs.add("currency_spelling")
    return code


def _problem(value: Any) -> str:
    # Digits can be grouped by any kind of space.
    text = " ".join(value.split()) if isinstance(value, str) else ""
    is_grouped = SEPARATED_DIGITS.fullmatch(text) and any(map(str.isdigit, text))
    return "a thousands separator or decimal comma" if is_grouped else "not a number"
