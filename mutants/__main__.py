"""`make mutants`: changes the job's code, one place at a time, and counts the changes that no near test notices.

Each change makes a mutant: a comparison with another boundary, a condition left out, a number that is one larger. The
changes are those of Python and of the SQL inside it. A mutant is caught when a test fails; a survivor shows a promise
that no test states, or code that makes no difference. Reasons of the known survivors: docs/reliability.md.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from local.errors import InputError, RunError
from local.folder import PROJECT, data_folder, locked, memory_folder
from local.servers import signals
from mutants import report, run
from mutants.mutant import Mutant, Outcome, mutants_of, originals, sample

LEAST_SHARE = 0.9
# Some tests run Java and PostgreSQL, which need more than a gigabyte of memory.
MAX_WORKERS = 4


def main() -> int:
    """Tests the mutants; returns exit status 1 if fewer than 90 % are caught, and 2 when the input is invalid."""
    signals.clean_up_when_interrupted()
    options = _parser().parse_args()
    folder = data_folder() / "mutants"
    stored = folder / "outcomes.jsonl"
    mutants = mutants_of(PROJECT, options.modules)
    if options.sample:
        mutants = sample(mutants, options.sample, options.seed)
    if options.list:
        print(*mutants, f"{len(mutants)} mutants", sep="\n")
        return 0
    outcomes: dict[Mutant, Outcome] = {}
    try:
        with locked("mutants"):
            folder.mkdir(parents=True, exist_ok=True)
            if not options.go_on and not options.survivors:
                stored.unlink(missing_ok=True)
            known = report.read(stored)
            outcomes |= {mutant: known[mutant.key] for mutant in mutants if mutant.key in known}
            again = [mutant for mutant in mutants if options.survivors and outcomes.get(mutant) == "survived"]
            to_test = again if options.survivors else [mutant for mutant in mutants if mutant not in outcomes]
            first = [original for original in originals(to_test) if original.key not in known]
            runs = [*first, *to_test]
            unchanged = f", after {len(first)} modules without a change" if first else ""
            print(f"{len(to_test)} mutants to test{unchanged}, {options.workers} at a time", flush=True)
            start = time.monotonic()
            with (
                # The tests' databases are faster in memory.
                tempfile.TemporaryDirectory(prefix="mutants-", dir=memory_folder() or folder) as copies,
                closing(run.outcomes_of(runs, options.workers, Path(copies) / "copies")) as tested,
            ):
                for number, (mutant, outcome, seconds) in enumerate(tested, start=1):
                    print(f"{number}/{len(runs)} {outcome} in {seconds:.0f} s: {mutant}", flush=True)
                    if mutant.is_original and outcome != "survived":
                        raise RunError(f"the tests of {mutant} fail: {' '.join(mutant.tests)}")
                    report.store(stored, mutant, outcome)
                    outcomes |= {} if mutant.is_original else {mutant: outcome}
            print(f"{(time.monotonic() - start) / 60:.1f} minutes\n")
    except InputError as error:
        print(f"make mutants: {error}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"make mutants: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('interrupted; `make mutants ARGS="--continue …"` goes on from here', file=sys.stderr)
        return 130
    print(*report.lines(outcomes), sep="\n")
    return int(report.share_caught(list(outcomes.values())) < LEAST_SHARE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make mutants ARGS=…", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "modules", nargs="*", help="the modules to change, such as sink/clicks.py or events/values (default: all)"
    )
    parser.add_argument("--sample", type=_positive, help="the number of mutants to draw (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="draws the sample (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the mutants, and test none")
    parser.add_argument(
        "--continue", dest="go_on", action="store_true", help="leave out the mutants that an earlier run has tested"
    )
    parser.add_argument("--survivors", action="store_true", help="test the survivors of earlier runs again")
    parser.add_argument(
        "--workers",
        type=_positive,
        default=min(os.cpu_count() or 1, MAX_WORKERS),
        help="the most mutants to test at a time (default: %(default)s)",
    )
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of 1 or more")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
