"""The command line of check."""

import argparse
from pathlib import Path

from local.check.run import Options, run

DESCRIPTION = """\
Reads event files as the job would, and tells what would become of each event.
Starts no server and writes nothing.

A file holds JSON Lines, a JSON array, CSV or TSV with a header, or Parquet;
plain, gzip or zstd; UTF-8, or UTF-16 with a byte order mark. Its content tells
the format, not its name. Clicks, checkouts and refunds may be mixed: an event
with click_id is a click, one with refund_id a refund, one with checkout_id a
checkout.

A file does not say when its events arrived, so they arrive now: old events are
fine, and a time in the future is corrected to the time of the check. Events
that repeat an id are not told apart; `replay` accounts for them.
"""
EPILOG = """\
fields of --json, one line an event:
  file, line, index   place of the event; the line of Parquet is the row; index
                      counts the events of a line from 0
  kind, id, user_id   click, checkout or refund, and the ids; of a refused event
                      as far as they can be told
  event_time          ISO 8601 in UTC
  amount, currency    exact decimal text and ISO 4217 code; null for clicks
  utm_source, utm_medium, utm_campaign
  verdict             accepted, refused or ignored
  reason              why the event is refused
  repairs             names of what was repaired or left out

examples:
  python -m local check clicks.csv.gz orders.parquet
  python -m local check --mapping segment events.json
  python -m local check --json orders.jsonl | jq -c 'select(.verdict == "refused")'

exit status:
  0    every file has accepted events, or is empty
  1    nothing was accepted, in one of the files or in all
  2    a file, or the rest of it, cannot be read
  130  interrupted
"""
RECORDS_HELP = (
    "the files hold records of the streams, one a line: a JSON object with stream (clicks or checkouts), arrived_at and"
    " data_base64; --mapping applies to their events"
)


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "check",
        help="read your own event files, and tell what would be accepted, repaired and refused",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="FILE", help="event files")
    add_mapping(parser)
    parser.add_argument("--json", dest="as_json", action="store_true", help="print each event as a line of JSON")
    parser.add_argument("--records", dest="of_records", action="store_true", help=RECORDS_HELP)
    parser.set_defaults(run=_run)


def add_mapping(parser: argparse.ArgumentParser) -> None:
    """Adds the argument that check and replay share."""
    parser.add_argument(
        "--mapping",
        metavar="NAME|FILE.toml",
        help="how events of another shape become ours: csv, ga4, segment, shopify, snowplow, woocommerce, or a file of"
        " your own (docs/event-mappings.md)",
    )


def _run(arguments: argparse.Namespace) -> int:
    options = Options(
        paths=arguments.paths,
        mapping=arguments.mapping,
        as_json=arguments.as_json,
        of_records=arguments.of_records,
    )
    return run(options)
