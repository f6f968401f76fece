"""`make chaos`: runs the pipeline under faults, seed by seed, and accounts for every record."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from chaos import report, servers
from chaos.run import Outcome, run
from chaos.schedule import draw
from local import java, signals, warm_up
from local.errors import InputError, RunError
from local.folder import data_folder, locked

FIRST_SEED, SEEDS = 1, 20


def main() -> int:
    """Exit status 1 when a seed has not passed."""
    signals.clean_up_when_interrupted()
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("--seed", type=int, default=FIRST_SEED, help="the first one (default: %(default)s)")
    parser.add_argument("--count", type=int, default=SEEDS, help="how many seeds in a row (default: %(default)s)")
    parser.add_argument("--report", action="store_true", help="write docs/reliability.md, as all default seeds do")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.count)
    began = time.monotonic()
    outcomes: list[Outcome] = []
    try:
        for outcome in _outcomes(seeds):
            print(line(outcome), flush=True)
            outcomes.append(outcome)
    except InputError as error:
        print(f"make chaos: {error}", file=sys.stderr)
        return 2
    except (RunError, psycopg.Error, BotoCoreError, ClientError) as error:
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


def _outcomes(seeds: range) -> Iterator[Outcome]:
    folder = data_folder() / "chaos"
    with (
        locked("chaos"),
        servers.running(folder / "servers", java_home=java.ensure(), java_options=warm_up.java_options()) as up,
    ):
        for seed in seeds:
            yield run(draw(seed), up, folder_of(seed))


def folder_of(seed: int) -> Path:
    return data_folder() / "chaos" / f"seed-{seed}"


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
    return "\n  ".join([text, *outcome.examples, f"what was left is in {folder_of(outcome.seed)}; again: {again}"])


if __name__ == "__main__":
    raise SystemExit(main())
