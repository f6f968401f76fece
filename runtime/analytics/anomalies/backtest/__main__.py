"""Command line of the backtest: `python -m runtime.analytics.anomalies.backtest`."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from runtime.analytics.anomalies.backtest.report import DAYS, INCIDENTS_A_KIND, SEEDS, markdown, run

BEGIN, END = "<!-- backtest: written by make backtest -->", "<!-- end of backtest -->"
BETWEEN = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m runtime.analytics.anomalies.backtest",
        description="Runs the anomaly detectors over generated days with labelled incidents, and prints how many they"
        " find and how often they are wrong, as tables in Markdown. Takes some minutes.",
    )
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help=f"also write the tables to this file, between {BEGIN!r} and {END!r}"
    )
    arguments = parser.parse_args(argv)
    try:
        if arguments.write and not BETWEEN.search(arguments.write.read_text()):
            parser.error(f"{arguments.write}: has no lines {BEGIN!r} and {END!r}")
        tables = markdown(run(SEEDS, DAYS, INCIDENTS_A_KIND, lambda line: print(line, file=sys.stderr)))
        print(tables)
        if arguments.write:
            text = f"{BEGIN}\n{tables}\n{END}"
            # Read again: somebody may have edited the file in these minutes.
            arguments.write.write_text(BETWEEN.sub(lambda _: text, arguments.write.read_text()))
    except OSError as error:
        parser.error(f"{arguments.write}: {error.strerror}")
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
