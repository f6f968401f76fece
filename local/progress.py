"""Progress of a long step: a bar on a terminal, or else a plain line every few seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

PLAIN_SECONDS = 5


class Show(Protocol):
    """Callback that displays the progress."""

    def __call__(self, done: int, total: int) -> None: ...


def is_live(console: Console) -> bool:
    """Returns whether the console is a terminal that can redraw lines."""
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def bar(console: Console, description: str) -> Iterator[Show]:
    """Yields a callback that displays the progress. It may be called at any rate."""
    if not is_live(console):
        yield _plain_lines(console, description)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, figures="")

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total, figures=f"{done:,} of {total:,}")

        yield show


def _plain_lines(console: Console, description: str) -> Show:
    next_line = 0.0

    def show(done: int, total: int) -> None:
        nonlocal next_line
        if time.monotonic() >= next_line:
            console.print(f"{description}: {done:,} of {total:,}")
            next_line = time.monotonic() + PLAIN_SECONDS

    return show
