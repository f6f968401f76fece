"""The command line of load."""

import argparse
from pathlib import Path

from local.load.run import Options, run
from runtime.analytics.loading.kinds import KINDS

DESCRIPTION = """\
Loads a CSV file that people fill into the database of the demo, of `up`, or of
DATABASE_URL: ad spend, exchange rates, the rules that tell traffic's channel,
or the variants of experiments.

The first line names the columns, in any order:
  spend        day, channel, campaign (optional), amount, currency
  rates        day, currency, rate
  rules        priority, source, medium, campaign, referrer, channel, is_paid
  experiments  experiment_id, variant, is_control, expected_share, started_at;
               optional: ended_at, metric, alpha, lift, tolerated_fall

Every row is checked first. If one of them has a problem, all problems are
printed and nothing is loaded. A file may be loaded again: rows of the same day,
channel, campaign and currency are replaced, and other rows stay. A file of
rules replaces all rules. An experiment of a file replaces the stored one.
docs/analytics-inputs.md has examples.
"""
EPILOG = """\
examples:
  python -m local load spend spend-2026-03.csv
  python -m local load rates rates.csv --replace

exit status:
  0    loaded
  1    the database refused the rows or is gone; nothing was loaded
  2    the file has problems, or there is no database; nothing was loaded
  130  interrupted; nothing was loaded
"""


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "load",
        help="load ad spend, exchange rates, channel rules or experiments from a CSV file",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=list(KINDS), help="what the file holds")
    parser.add_argument("path", type=Path, metavar="FILE.csv", help="UTF-8, or UTF-16 with a byte order mark")
    parser.add_argument(
        "--replace", action="store_true", help="also delete the stored rows that the file does not have"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    return run(Options(kind=KINDS[arguments.kind], path=arguments.path, replace=arguments.replace))
