"""The command check: reads event files as the job would, without a server, and tells what becomes of each event."""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from rich.console import Console

from local.check.judging import describe, judge_of, print_line, read_mapping, remedy
from local.check.summary import Summary
from local.check.verdicts import Judge
from local.event_files import event_file
from local.event_files.event_file import EventFile
from local.event_files.rows import BrokenFileError
from local.progress import bar, is_live

ROWS_PER_UPDATE = 500
Status = Literal[0, 1, 2]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The files to check. `mapping`: name or path. `as_json`: prints each verdict. `of_records`: files of records."""

    paths: Sequence[Path]
    mapping: str | None = None
    as_json: bool = False
    of_records: bool = False


def run(options: Options) -> int:
    """Runs the check and returns its exit status.

    0: an event was accepted in each file, apart from empty ones. 1: no event of a file was accepted, or none at all.
    2: the rest of a file could not be read.

    Raises:
        InputError: a file or the mapping cannot be read; nothing was checked.
    """
    try:
        return _run(options)
    except BrokenPipeError:  # The program that reads the output has ended, such as `head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(options: Options) -> int:
    # The progress bar replaces sys.stdout.
    notes, output = Console(stderr=True), sys.stdout
    mapping = read_mapping(options.mapping)
    total = Summary()
    problems: list[str] = []
    status: Status = 0
    with ExitStack() as stack:
        files = [stack.enter_context(event_file.opened(path)) for path in options.paths]
        judges = [judge_of(file, mapping, of_records=options.of_records) for file in files]
        for file, judge in zip(files, judges, strict=True):
            print_line(notes, describe(file, judge))
        with _progress(notes, files, options) as show:
            for number, (file, judge) in enumerate(zip(files, judges, strict=True)):
                summary = Summary()
                try:
                    _check(file, judge, summary, output if options.as_json else None, functools.partial(show, number))
                except BrokenFileError as error:
                    problems.append(f"{error}; what precedes was read: {summary.lines:,} lines")
                    status = 2
                if problem := remedy(file, judge, summary):
                    problems.append(problem)
                    status = max(status, 1)
                total.merge(summary)
    output.flush()
    (notes if options.as_json else Console()).print(total.table())
    for problem in problems:
        print_line(notes, problem)
    return status if total.accepted else max(status, 1)


def _check(
    file: EventFile, judge: Judge, summary: Summary, output: TextIO | None, show: Callable[[float], None]
) -> None:
    for row in file.rows:
        verdicts = list(judge.verdicts(row))
        summary.add(row, verdicts)
        if output:
            output.writelines(verdict.as_json() + "\n" for verdict in verdicts)
        if summary.lines % ROWS_PER_UPDATE == 0:
            show(file.share(row))


@contextmanager
def _progress(notes: Console, files: Sequence[EventFile], options: Options) -> Iterator[Callable[[int, float], None]]:
    """Yields a callback that takes a file's number and the share that was read, and shows both on a terminal.

    Verdicts on a terminal are their own progress.
    """
    sizes = [file.size for file in files]
    if not is_live(notes) or (options.as_json and sys.stdout.isatty()):
        yield lambda _, __: None
        return
    with bar(notes, "read, bytes") as show:
        yield lambda number, share: show(int(sum(sizes[:number]) + share * sizes[number]), sum(sizes))
        show(sum(sizes), sum(sizes))
