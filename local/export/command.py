"""The command line of export."""

import argparse
from pathlib import Path

from local.export.run import FORMATS, Options, run

DESCRIPTION = """\
Writes a view or table as a file, with the rights of the analyst: of the
database of the demo, of `up`, or of DATABASE_URL. All rows are of one moment.

csv      to the standard output, or to --output. A header; UTF-8; an empty cell
         is null, and "" an empty text. Times are in UTC, amounts exact.
parquet  to --output. Amounts are decimals, times are timestamps in UTC with
         microseconds, days are dates; lists, JSON and intervals are text. An
         amount whose decimals the view does not fix has as many as it needs.

A file appears when it is complete, and replaces an older one.
"""
EPILOG = """\
examples:
  python -m local export channel_performance > performance.csv
  python -m local export channel_credits --output credits.parquet
  python -m local export conversion_paths --spreadsheet --output paths.csv

exit status:
  0    written
  1    the query or the writing failed
  2    there is no database, or no view of this name that the analyst may read
  130  interrupted; no file was written
"""


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "export",
        help="write a view or table as CSV or Parquet",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("view", metavar="VIEW", help="a view or table that the analyst may read")
    parser.add_argument(
        "--format", choices=FORMATS, help="default: parquet if the name of the output ends in .parquet, or else csv"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: the standard output, for CSV")
    parser.add_argument(
        "--spreadsheet",
        action="store_true",
        help="CSV for Excel and others: an apostrophe before text that would run as a formula, and a byte order mark",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    is_parquet = arguments.output is not None and arguments.output.suffix == ".parquet"
    options = Options(
        view=arguments.view,
        format=arguments.format or ("parquet" if is_parquet else "csv"),
        output=arguments.output,
        spreadsheet=arguments.spreadsheet,
    )
    return run(options)
