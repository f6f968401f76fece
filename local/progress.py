"""A progress bar where there is a terminal, and a plain line every few seconds where there is none."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_SECONDS = 5


class Show(Protocol):
    def __call__(self, done: int, total: int) -> None: ...


def is_live(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def bar(console: Console, what: str) -> Iterator[Show]:
    """A function to call with what is done of what there is to do, as often as one likes."""
    if not is_live(console):
        yield _plain_lines(console, what)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(what, figures="")

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, figures=f"{done:,} of {total:,}")

        yield show


def _plain_lines(console: Console, what: str) -> Show:
    next_line = 0.0

    def show(done: int, total: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            console.print(f"{what}: {done:,} of {total:,}")
            next_line = time.monotonic() + PLAIN_SECONDS

    return show
