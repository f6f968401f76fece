"""The credits of all models by day, recomputed plainly from paths, and sums and ratios of amounts with gaps."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from tests.runtime.analytics.reference import DIGITS, MODELS, Path, conversions_of, credits_of, divide

Weights = Mapping[str, Mapping[tuple[str, str], float]]


class Sums(NamedTuple):
    conversions: Decimal
    new_customers: Decimal
    gross: Decimal
    net: Decimal


class Key(NamedTuple):
    day: date
    currency: str
    model: str
    channel: str
    campaign: str


NOTHING = Sums(Decimal(0), Decimal(0), Decimal(0), Decimal(0))


def all_credits(paths: Mapping[str, Path], weights: Weights, half_life: timedelta) -> dict[Key, Sums]:
    """Returns the credits that are not all zero. `weights`: by model of the chain, channel and campaign."""
    credits: dict[Key, Sums] = defaultdict(lambda: NOTHING)
    touched: dict[tuple[date, str], Sums] = defaultdict(lambda: NOTHING)

    def add(key: Key, sums: Sums) -> None:
        credits[key] = added(credits[key], sums)

    for path in paths.values():
        day = path.day, path.checkout.currency
        for model in MODELS:
            for where, credit in credits_of(path, model, half_life).items():
                new_customers = credit.conversions if path.is_new_customer else Decimal(0)
                add(Key(*day, model, *where), Sums(credit.conversions, new_customers, credit.gross, credit.net))
        whole = Sums(Decimal(1), Decimal(path.is_new_customer), Decimal(path.checkout.amount), path.net)
        if path.touches:
            touched[day] = added(touched[day], whole)
        else:
            for model in weights:
                if weights[model]:
                    add(Key(*day, model, "(unattributed)", ""), whole)
    for model, shares in weights.items():
        labels = sorted(where for where in shares if shares[where] > 0)
        parts = [Fraction(f"{shares[where]:.12f}") for where in labels]
        for (at, currency), total in touched.items():
            digits = digits_of(currency, total)
            columns = [
                conversions_of(parts, total.conversions),
                conversions_of(parts, total.new_customers),
                divide(total.gross, digits, parts),
                divide(total.net, digits, parts),
            ]
            for where, *amounts in zip(labels, *columns, strict=True):
                add(Key(at, currency, model, *where), Sums(*amounts))
    return {key: sums for key, sums in credits.items() if any(sums)}


def added(left: Sums, right: Sums) -> Sums:
    return Sums(*(a + b for a, b in zip(left, right, strict=True)))


def digits_of(currency: str, total: Sums) -> int:
    return max(DIGITS[currency], *(-int(amount.normalize().as_tuple().exponent) for amount in (total.gross, total.net)))


def ratio(dividend: Decimal | None, divisor: Decimal | None) -> Decimal | None:
    """Returns the quotient of amounts that are not negative, rounded half up to four decimals."""
    if dividend is None or not divisor:
        return None
    return Decimal(int(Fraction(dividend) / Fraction(divisor) * 10_000 + Fraction(1, 2))).scaleb(-4)


def total(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Returns the sum, or None if one of the amounts is missing."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None
