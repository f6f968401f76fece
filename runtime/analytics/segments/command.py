"""The command `segments`: RFM segments of the customers in a file of purchases."""

import argparse
import csv
import sys
from dataclasses import fields
from datetime import date
from operator import attrgetter
from pathlib import Path

from runtime.analytics.command_files import read_content
from runtime.analytics.loading import cells
from runtime.analytics.segments.files import read_purchases
from runtime.analytics.segments.rfm import SEGMENTS, Book, CustomerSegment, segments

HEADER = [column.name for column in fields(CustomerSegment)]
NAME_WIDTH = max(len(name) for names in SEGMENTS.values() for name in names)
TABLE = "\n".join(
    f"  R {r}  " + "  ".join(name.ljust(NAME_WIDTH) for name in names).rstrip() for r, names in SEGMENTS.items()
)
DESCRIPTION = f"""\
Divides customers by recency, frequency and monetary value (RFM). Prints CSV with
the columns {", ".join(HEADER)},
sorted by customer_id.

The file is CSV with a header and a row for each purchase or refund, in any
order. Its columns, in any order, beside any others:
  customer_id  id of the customer
  date         day of the purchase, as YYYY-MM-DD
  amount       value in one currency; negative for a refund
"""
EPILOG = f"""\
values up to the day of --as-of, and that day included:
  recency_days  days since the last purchase
  frequency     number of purchases; two of the same day count twice
  monetary      value of the purchases, less the refunds
Refunds reduce the monetary value only. Rows after the day are left out, and so
are customers with refunds but without a purchase; standard error says how many.

scores from 1 to 5, the best, among the n customers:
  f, m  1 + 5 * lower / (n - 1), rounded down, at most 5; lower is the number of
        customers with a lower value
  r     6 minus the same of recency_days
Equal values have equal scores: nobody who bought on the last day has less than
r 5, nobody with the fewest purchases has more than f 1.

segments by r and f:
       {"  ".join(f"F {f}".ljust(NAME_WIDTH) for f in range(1, 6)).rstrip()}
{TABLE}

example:
  $ cat purchases.csv
  customer_id,date,amount
  anna,2026-02-27,59.90
  anna,2026-01-10,12.00
  ben,2025-11-02,80.00
  ben,2025-11-09,-80.00
  $ python -m runtime.analytics segments purchases.csv --as-of 2026-03-01
"""


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "segments",
        help="divide customers by recency, frequency and monetary value, from a CSV file of purchases",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="purchase file; - for standard input")
    parser.add_argument("--as-of", type=_day, required=True, metavar="DATE", help="last day that counts, as YYYY-MM-DD")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    book = Book(arguments.as_of)
    book.add(read_purchases(read_content(arguments.file)))
    rows = segments(book)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(map(attrgetter(*HEADER), rows))
    sys.stdout.flush()
    if book.later_purchases:
        print(f"note: rows left out because they are after {book.as_of}: {book.later_purchases:,}", file=sys.stderr)
    if refunded := len(book.customers) - len(rows):
        print(f"note: customers left out because they have refunds but no purchase: {refunded:,}", file=sys.stderr)
    return 0


def _day(text: str) -> date:
    try:
        return cells.read_day(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
