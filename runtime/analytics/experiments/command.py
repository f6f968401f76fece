"""The command `experiment`: is a treatment better than the control?"""

import argparse
import json
import math
import re
import sys
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

from runtime.analytics.command_files import FileError, read_content
from runtime.analytics.experiments.comparison import Variant
from runtime.analytics.experiments.files import read_variants
from runtime.analytics.experiments.result import analyse

DESCRIPTION = """\
Compares the variants of an experiment with its control, and checks whether the
comparison can be trusted. Prints JSON.

The file is CSV with a header and a row for each variant, the control first.
Its columns, in any order, beside any others:
  variant         name
  users           users who were exposed to the variant
  conversions     users of these who converted
  sum             total revenue of these users (optional)
  sum_of_squares  sum of the squares of each user's revenue (with sum)
"""
EPILOG = """\
output:
  valid                    false if the users by variant do not fit the shares
                           (p < 0.001): then use none of the figures
  notes                    what to know before the figures
  srm_p_value              of the shares, by the χ² test, for one look
  srm_sequential_p_value   of the shares, for any number of looks
  comparisons              conversion_rate of each treatment, then
                           revenue_per_user if the file has sums:
    lift                     relative: 0.1 is 10 % more than the control
    p_value                  two-sided, for one look: pooled z test of rates,
                             Welch's test of revenues
    ci                       interval of the lift (delta method), for one look
    ci_always_valid          interval of the lift, for any number of looks
    guardrail                breached if the metric fell, kept if it did not,
                             undecided; by the always-valid interval
    minimum_detectable_lift  rise that so many users detect (power 80 %)
  variants                 rates with Wilson intervals, revenues
What the users do not tell is null, such as a lift over a control without
conversions.

Several treatments: ci and ci_always_valid have the level 1 - alpha divided by
the treatments, and p_value_adjusted is p_value times the treatments
(Bonferroni). Compare p_value_adjusted with alpha.

example:
  $ cat experiment.csv
  variant,users,conversions,sum,sum_of_squares
  control,10000,1000,50000.00,3500000.00
  treatment,10050,1105,55900.00,3950000.00
  $ python -m runtime.analytics experiment experiment.csv --lift 0.05 --days 14
"""


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "experiment",
        help="compare the variants of an experiment, from a CSV file of sums",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="experiment file; - for standard input")
    parser.add_argument(
        "--shares",
        type=_shares,
        metavar="50:50",
        help="expected shares of the users by variant, in the order of the file (default: equal shares)",
    )
    parser.add_argument(
        "--alpha", type=_between_0_and_1, default=0.05, help="accepted share of false positives (default: 0.05)"
    )
    parser.add_argument(
        "--lift", type=_lift, help="relative lift to detect, such as 0.05; prints the users_needed for it"
    )
    parser.add_argument(
        "--days", type=_days, help="days that the experiment has been running; with --lift: prints the days_left"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    result = analyse(_variants(arguments), arguments.alpha, arguments.lift, arguments.days)
    print(json.dumps(asdict(result), indent=2, ensure_ascii=False, allow_nan=False), flush=True)
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    return 0


def _variants(arguments: argparse.Namespace) -> list[Variant]:
    sums = read_variants(read_content(arguments.file))
    shares = arguments.shares or [1 / Fraction(len(sums))] * len(sums)
    if len(shares) != len(sums):
        raise FileError(f"the file has {len(sums)} variants, but --shares has {len(shares)} shares")
    return [
        Variant(row.variant, float(share), row.users, row.conversions, row.revenue)
        for row, share in zip(sums, shares, strict=True)
    ]


def _shares(text: str) -> list[Fraction]:
    parts = text.split(":")
    if len(parts) < 2 or not all(re.fullmatch(r"\d{1,9}(\.\d{1,9})?", part, re.ASCII) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of shares, such as 50:50 or 50:25:25")
    shares = [Fraction(part) for part in parts]
    if not all(shares):
        raise argparse.ArgumentTypeError(f"{text!r}: a share is 0; leave a variant without users out of the file")
    return [share / sum(shares) for share in shares]


def _between_0_and_1(text: str) -> float:
    number = _float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return number


def _lift(text: str) -> float:
    number = _float(text)
    if not -1 <= number <= 1000 or not number:
        raise argparse.ArgumentTypeError(f"{text!r} is not a relative lift, such as 0.05 for 5 %")
    return number


def _days(text: str) -> float:
    number = _float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days above 0")
    return number


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
