"""`make chaos`: runs the pipeline under faults, once for each seed, and accounts for every record."""

import argparse
import os
import sys
import time
from contextlib import closing
from pathlib import Path

from chaos import report
from chaos.run import Outcome
from chaos.schedule import draw
from chaos.workers import folder_of, outcomes_of
from local.errors import InputError, RunError
from local.folder import data_folder, locked
from local.servers import signals

FIRST_SEED, SEEDS = 1, 20
# Each worker runs Java, PostgreSQL and an emulator, which need more than a gigabyte of memory.
MAX_WORKERS = 4


def main() -> int:
    """Runs the seeds; returns exit status 1 when a seed has not passed, and 2 when the input is invalid."""
    signals.clean_up_when_interrupted()
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="the first seed (default: %(default)s)")
    parser.add_argument("--count", type=_positive, default=SEEDS, help="the number of seeds (default: %(default)s)")
    parser.add_argument(
        "--workers",
        type=_positive,
        default=min(os.cpu_count() or 1, MAX_WORKERS),
        help="the most seeds to run at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--writers", type=_positive, help="the number of sessions that write a batch (default: 1, 2 or 4, by seed)"
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="write docs/reliability.md also when a seed failed or other seeds were run",
    )
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.count)
    schedules = [draw(seed, options.writers) for seed in seeds]
    workers = min(options.workers, options.count)
    print(f"seeds {seeds[0]} to {seeds[-1]}, {workers} at a time; each takes a minute or two", flush=True)
    start = time.monotonic()
    outcomes: list[Outcome] = []
    try:
        with locked("chaos"), closing(outcomes_of(schedules, workers, folder())) as finished:
            for outcome in finished:
                print(summary(outcome), flush=True)
                outcomes.append(outcome)
    except InputError as error:
        print(f"make chaos: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"make chaos: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; all started processes have been stopped", file=sys.stderr)
        return 130
    minutes = (time.monotonic() - start) / 60
    print(f"{sum(outcome.passed for outcome in outcomes)} of {len(outcomes)} seeds passed, in {minutes:.1f} minutes")
    passed = all(outcome.passed for outcome in outcomes)
    if options.report or (passed and options.writers is None and seeds == range(FIRST_SEED, FIRST_SEED + SEEDS)):
        report.write(outcomes, minutes)
    return int(not passed)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of 1 or more")
    return int(text)


def folder() -> Path:
    return data_folder() / "chaos"


def summary(outcome: Outcome) -> str:
    """Returns the seed's faults and result; for a failed seed also examples and the command that repeats the seed."""
    injected = [f"{fault.name} at {fault.at:.1f} s ({fault.recovery:.1f} s)" for fault in outcome.injected]
    notes = [f"{name}: not available on this machine" for name in outcome.missing]
    notes += [f"job ended by itself {outcome.restarts} times"] if outcome.restarts else []
    result = f"{outcome.lost} lost, {outcome.duplicated} duplicated, {outcome.wrong} wrong"
    text = (
        f"seed {outcome.seed}, join {outcome.join}, writers {outcome.writers}: {', '.join(injected + notes)};"
        f" {outcome.records:,} records: {outcome.error or result}; {outcome.seconds:.0f} s"
    )
    if outcome.passed:
        return text
    command = f'make chaos ARGS="--seed {outcome.seed} --count 1 --writers {outcome.writers}"'
    files = folder_of(outcome.seed, folder())
    return "\n  ".join([text, *outcome.examples, f"logs and data: {files}; to repeat: {command}"])


if __name__ == "__main__":
    raise SystemExit(main())
