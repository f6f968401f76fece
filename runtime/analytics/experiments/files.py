"""Reading and checking of experiment files: the sums of each variant as delimited text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from runtime.analytics.command_files import FileError, read_table
from runtime.analytics.experiments.samples import Sample, sample_of_sums
from runtime.analytics.loading import cells

REQUIRED = ("variant", "users", "conversions")
OPTIONAL = ("sum", "sum_of_squares")
MAX_VARIANTS = 100
MAX_USERS = 10**15
# With an exponent, as programs write large sums. The bounds keep exact arithmetic short.
NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,2})?", re.ASCII)


@dataclass(frozen=True)
class VariantSums:
    """A row of an experiment file."""

    variant: str
    users: int
    conversions: int
    revenue: Sample | None


def read_variants(content: bytes) -> Sequence[VariantSums]:
    """Returns the variants of a file, in its order.

    Raises:
        FileError: the content is not delimited text with the columns of an experiment file, a row has an error, or
            there are fewer than two variants, more than `MAX_VARIANTS`, or no users.
    """
    names: set[str] = set()

    def convert(row: Mapping[str, str]) -> VariantSums:
        variant = _variant(row)
        if variant.variant in names:
            raise ValueError(f"variant: {variant.variant!r}: occurs above; add its rows up, to one row a variant")
        names.add(variant.variant)
        return variant

    variants = list(read_table(content, REQUIRED, OPTIONAL, convert))
    if len(variants) < 2:
        count = "no variant" if not variants else "one variant"
        raise FileError(f"{count}; an experiment has a control, in the first row, and at least one other variant")
    if len(variants) > MAX_VARIANTS:
        raise FileError(f"{len(variants):,} variants, but at most {MAX_VARIANTS} are compared; is a row a variant?")
    if not any(variant.users for variant in variants):
        raise FileError("no variant has users")
    return variants


def _variant(row: Mapping[str, str]) -> VariantSums:
    """Returns the variant of a row. Raises ValueError with the column, the cell and the remedy."""
    name = row["variant"]
    if not name:
        raise ValueError("variant: is empty; write the name of the variant")
    users, conversions = _count(row, "users"), _count(row, "conversions")
    if conversions > users:
        raise ValueError(
            f"conversions: {row['conversions']!r}: more than the {users} users; count users who converted, not orders"
        )
    return VariantSums(cells.read_text(name), users, conversions, _revenue(row, users))


def _revenue(row: Mapping[str, str], users: int) -> Sample | None:
    given = [column for column in OPTIONAL if column in row]
    if not given:
        return None
    if len(given) == 1:
        other = OPTIONAL[1 - OPTIONAL.index(given[0])]
        raise ValueError(f"{given[0]}: there is no column {other}; give both, or neither")
    total, squares = (_number(row, column) for column in OPTIONAL)
    if squares < 0:
        raise ValueError(
            f"sum_of_squares: {row['sum_of_squares']!r}: is negative; add up the square of each user's sum"
        )
    try:
        return sample_of_sums(users, total, squares)
    except ValueError as error:
        raise ValueError(f"sum_of_squares: {row['sum_of_squares']!r}: {error}") from None


def _count(row: Mapping[str, str], column: str) -> int:
    number = _number(row, column)
    cell = row[column]
    if number < 0:
        raise ValueError(f"{column}: {cell!r}: is negative; write a whole number of at least 0")
    if number.denominator != 1:
        raise ValueError(f"{column}: {cell!r}: is not a whole number")
    if number > MAX_USERS:
        raise ValueError(f"{column}: {cell!r}: more than {MAX_USERS:,}; is it the right number?")
    return int(number)


def _number(row: Mapping[str, str], column: str) -> Fraction:
    cell = row[column]
    if not cell:
        raise ValueError(f"{column}: is empty; write a number")
    if not NUMBER.fullmatch(cell):
        if "," in cell or cells.GROUPED_DIGITS.fullmatch(cell):
            raise ValueError(f"{column}: {cell!r}: has a decimal comma or a thousands separator; write it like 1234.50")
        raise ValueError(f"{column}: {cell!r}: is not a number; write it like 1234.50")
    return Fraction(cell)
