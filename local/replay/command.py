"""The command line of replay."""

import argparse
from pathlib import Path

from rich.console import Console

from local.check.command import add_mapping
from local.replay.run import Options, run
from local.servers import java

DESCRIPTION = """\
Sends your own events through the pipeline of the demo into a database of its
own, and writes a row for each checkout with the click that it is credited to.
Accounts for every line.

A click needs click_id, user_id and click_timestamp. A checkout needs
checkout_id, user_id, checkout_timestamp, total_amount and currency. A refund
needs refund_id, checkout_id, user_id, refund_timestamp, amount and currency.
Files may be JSON Lines, a JSON array, CSV, TSV or Parquet; plain, gzip or zstd.
They may be unsorted and mix all kinds, and events may be years old.
`python -m local check` reads the same files without a server.
"""
EPILOG = """\
examples:
  python -m local replay clicks.jsonl checkouts.jsonl --output credited.csv
  python -m local replay events.json.gz --mapping segment --output credited.csv
"""


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "replay",
        help="credit the checkouts in your own files to first clicks",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="FILE", help="event files, such as CLICKS CHECKOUTS")
    add_mapping(parser)
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="output file: one row a checkout, sorted by time, without test orders; amounts are before refunds",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    options = Options(paths=arguments.paths, mapping=arguments.mapping, output=arguments.output)
    return run(options, java.ensure, Console())
