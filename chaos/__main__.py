"""`make chaos`: runs the pipeline under faults, seed by seed, and accounts for every record."""

import argparse
import os
import sys
import time
from contextlib import closing
from pathlib import Path

from chaos import report
from chaos.run import Outcome
from chaos.workers import folder_of, outcomes_of
from local.errors import InputError, RunError
from local.folder import data_folder, locked
from local.servers import signals

FIRST_SEED, SEEDS = 1, 20
# Each has a Java, a PostgreSQL and an emulator: more than a gigabyte.
MOST_WORKERS = 4


def main() -> int:
    """Exit status 1 when a seed has not passed."""
    signals.clean_up_when_interrupted()
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="the first one (default: %(default)s)")
    parser.add_argument("--count", type=_positive, default=SEEDS, help="how many seeds (default: %(default)s)")
    parser.add_argument(
        "--workers",
        type=_positive,
        default=min(os.cpu_count() or 1, MOST_WORKERS),
        help="how many seeds side by side, if there are so many (default: %(default)s)",
    )
    parser.add_argument("--report", action="store_true", help="write docs/reliability.md, as all default seeds do")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.count)
    workers = min(options.workers, options.count)
    print(f"seeds {seeds[0]} to {seeds[-1]}, {workers} at a time; each takes a minute or two", flush=True)
    began = time.monotonic()
    outcomes: list[Outcome] = []
    try:
        with locked("chaos"), closing(outcomes_of(seeds, workers, folder())) as ended:
            for outcome in ended:
                print(line(outcome), flush=True)
                outcomes.append(outcome)
    except InputError as error:
        print(f"make chaos: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"make chaos: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ended; everything that was started has been stopped", file=sys.stderr)
        return 130
    minutes = (time.monotonic() - began) / 60
    print(f"{sum(one.passed for one in outcomes)} of {len(outcomes)} seeds passed, in {minutes:.1f} minutes")
    if options.report or (seeds == range(FIRST_SEED, FIRST_SEED + SEEDS) and all(one.passed for one in outcomes)):
        report.write(outcomes, minutes)
    return int(not all(one.passed for one in outcomes))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of 1 or more")
    return int(text)


def folder() -> Path:
    return data_folder() / "chaos"


def line(outcome: Outcome) -> str:
    """What happened, and, where it went wrong, how to see it again."""
    injected = [f"{one.name} at {one.at:.1f} s ({one.recovery:.1f} s)" for one in outcome.injected]
    missing = [f"no {name} here" for name in outcome.missing]
    missing += [f"job ended by itself {outcome.restarts} times"] if outcome.restarts else []
    result = f"{outcome.lost} lost, {outcome.duplicated} duplicated, {outcome.wrong} wrong"
    text = (
        f"seed {outcome.seed}, join {outcome.join}: {', '.join(injected + missing)};"
        f" {outcome.records:,} records: {outcome.error or result}; {outcome.seconds:.0f} s"
    )
    if outcome.passed:
        return text
    again = f'make chaos ARGS="--seed {outcome.seed} --count 1"'
    left = folder_of(outcome.seed, folder())
    return "\n  ".join([text, *outcome.examples, f"what was left is in {left}; again: {again}"])


if __name__ == "__main__":
    raise SystemExit(main())
