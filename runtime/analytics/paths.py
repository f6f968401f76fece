"""The command `paths`: credits by model for paths that come from elsewhere."""

import argparse
import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from runtime.analytics.command_files import read_content
from runtime.analytics.models.allocation import allocate
from runtime.analytics.models.credits import MODELS, ModelCredits, credit
from runtime.analytics.models.path_totals import PathTotals
from runtime.analytics.models.shapley import EXACT_CHANNELS, SAMPLED_ORDERS
from runtime.analytics.path_files import read_paths

HEADER = ("model", "channel", "conversions", "value")
CONVERSION_DIGITS = 6
MAX_ORDER = 10

DESCRIPTION = f"""\
Divides the conversions and their value among the channels of the paths, by each
attribution model that needs neither times nor products. Prints CSV with the
columns {", ".join(HEADER)}; the channels are sorted.

The file is CSV with a header. Its columns, in any order, beside any others:
  path         channels in the order of the touches, with " > " between them
  conversions  conversions at the end of this path
  value        total value of these conversions, in one currency (default: 0)
  nulls        users whose path ended here without a conversion (default: 0)

Nulls matter to markov and shapley_markov only: without them every path
converts. A path may occur in several rows, and a channel several times in a
path. The channels Direct, (direct) and (direct) / (none), in capitals or not,
are direct for last_non_direct.

The credits of each model add up to the totals of the file exactly: values in
units of --digits, conversions in millionths.
"""
EPILOG = f"""\
models: {", ".join(MODELS[:5])},
  {", ".join(MODELS[5:])}
time_decay and w_shaped need the times and products of touches, which a path
file does not have. docs/analytics.md explains each model. shapley_markov
samples when there are more than {EXACT_CHANNELS} channels, and then reports its standard error
on standard error.

example:
  $ cat paths.csv
  path,conversions,value,nulls
  Social > Search,6,540.00,30
  Search,4,300.00,16
  $ python -m runtime.analytics paths paths.csv --models linear,markov
"""


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "paths",
        help="credit channels by attribution models, from a CSV file of paths",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv", help="path file; - for standard input")
    parser.add_argument(
        "--models",
        type=_models,
        default=MODELS,
        metavar="MODEL,...",
        help="models to print, separated by commas (default: all)",
    )
    parser.add_argument(
        "--order",
        type=_whole_number(1, MAX_ORDER),
        default=1,
        metavar="K",
        help="number of previous channels that the next step depends on in markov (default: 1)",
    )
    parser.add_argument(
        "--digits",
        type=_whole_number(0, 4),
        default=2,
        metavar="N",
        help="decimals of the smallest unit of the value's currency (default: 2; 0 for yen)",
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    paths = read_paths(read_content(arguments.file), arguments.digits)
    if note := _separator_note(paths):
        print(note, file=sys.stderr)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(HEADER)
    for model in arguments.models:
        credits = credit(paths, model, arguments.order)
        writer.writerows((model, *row) for row in rows_of(credits, arguments.digits))
        if note := _sampling_note(model, credits):
            print(note, file=sys.stderr)
    sys.stdout.write(table.getvalue())
    sys.stdout.flush()
    return 0


def rows_of(credits: ModelCredits, digits: int) -> Iterator[tuple[str, Decimal, Decimal]]:
    """Yields each channel with its conversions and its value, rounded so that they add up to the totals."""
    channels = sorted(credits.by_channel)
    conversions = _rounded([credits.by_channel[channel].conversions for channel in channels], CONVERSION_DIGITS)
    values = _rounded([credits.by_channel[channel].value for channel in channels], digits)
    return zip(channels, conversions, values, strict=True)


def _rounded(parts: Sequence[Fraction], digits: int) -> list[Decimal]:
    """Rounds parts of a total that has at most this number of decimals."""
    units = sum(parts, Fraction()) * 10**digits
    return [Decimal(part).scaleb(-digits) for part in allocate(int(units), parts)]


def _separator_note(paths: Sequence[PathTotals]) -> str | None:
    """Returns a note for files that seem to have another separator, such as "A>B"."""
    if any(len(path.channels) > 1 for path in paths) or not any(">" in path.channels[0] for path in paths):
        return None
    return 'note: every path is read as one channel; channels are separated by " > ", with the spaces'


def _sampling_note(model: str, credits: ModelCredits) -> str | None:
    if not credits.estimate or not credits.estimate.standard_errors:
        return None
    channels = len(credits.estimate.shares)
    error = max(credits.estimate.standard_errors.values())
    return (
        f"note: {model} samples {SAMPLED_ORDERS:,} orders of joining, because {channels} channels are more than"
        f" {EXACT_CHANNELS}; standard error of a channel's credit: at most {error:.2%} of the total"
    )


def _models(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in MODELS]
    if unknown or not names:
        problem = f"unknown model {unknown[0]!r}" if unknown else "no model"
        raise argparse.ArgumentTypeError(f"{problem}; the models are {', '.join(MODELS)}")
    return [model for model in MODELS if model in names]


def _whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not text.isdecimal() or not lowest <= int(text) <= highest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {lowest} to {highest}")
        return int(text)

    return convert
