"""The command `anomalies`: findings in the series of a file."""

import argparse
import csv
import sys
from datetime import UTC, datetime
from pathlib import Path

from runtime.analytics.anomalies.choice import choose_model
from runtime.analytics.anomalies.detection import LEAST_VALUES, find
from runtime.analytics.anomalies.files import read_series
from runtime.analytics.anomalies.findings import Finding
from runtime.analytics.anomalies.grid import to_table
from runtime.analytics.command_files import read_content

HEADER = ("series", "from", "to", "expected_low", "expected_high", "observed", "score", "severity")

DESCRIPTION = f"""\
Finds incidents in time series: spikes, drops, shifts of the level, failures.
Prints CSV with the columns {", ".join(HEADER)}, sorted by from;
only the header if nothing is found.

The file is CSV with a header and a row for each time, in any order. Its columns:
  timestamp  time with its zone, such as 2026-03-01T14:05:00Z, or Unix time;
             times without a zone are taken for UTC
  value      number; empty or NaN where there is no value
Every other column is a series too: timestamp,clicks,checkouts has two. Several
series are also searched for incidents that each of them shows only faintly.

Any step will do, from seconds to months. It is found from the times; gaps are
gaps, not zeros. Each value is compared with the same time of the day or of the
week before, as far as the series has such a season, and with the last values
otherwise. The finest step is searched first, then steps of 30 minutes, 3 hours
and a day, for changes that are too small to see in single values.
"""
EPILOG = f"""\
a finding is an incident, not a point:
  from, to       first and last time that deviate, in UTC
  expected_low, expected_high, observed
                 range and value at the time that deviates most; means of
                 the step at which the incident was seen
  score          deviation from the expectation in robust standard deviations
  severity       low, medium from a score of 8 on, high from 15 on
A new level is one incident, until it has become the norm: in the finest step
after about a day, in coarser ones after some weeks. A series with fewer than {LEAST_VALUES} values has no findings.

example:
  $ python -m runtime.analytics anomalies latency.csv
  series,from,to,expected_low,expected_high,observed,score,severity
  value,2026-03-19T08:00:00Z,2026-03-19T10:00:00Z,109.279,137.937,176.614,11.1,medium
"""


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "anomalies",
        help="find incidents in time series, from a CSV file of times and values",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="series file; - for standard input")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    file = read_series(read_content(arguments.file))
    findings = find(to_table(file.times, file.columns), choose_model)
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(_row(finding, float(file.times[0]), float(file.times[-1])) for finding in findings)
    sys.stdout.flush()
    if file.rows_without_zone:
        print(f"note: times without a zone are taken for UTC: {file.rows_without_zone:,}", file=sys.stderr)
    if file.repeated_times:
        print(
            f"note: rows with a time of another row, of which the mean is taken: {file.repeated_times:,}",
            file=sys.stderr,
        )
    return 0


def _row(finding: Finding, first: float, last: float) -> tuple[str, ...]:
    """Returns the cells of a finding. Coarse steps begin and end beyond the file: its own times bound them."""
    numbers = (f"{value:.6g}" for value in (finding.expected_low, finding.expected_high, finding.observed))
    times = (_text(min(max(time, first), last)) for time in (finding.begin, finding.end))
    return (finding.series, *times, *numbers, f"{finding.score:.1f}", finding.severity)


def _text(time: float) -> str:
    moment = datetime.fromtimestamp(time, UTC)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
