"""Ctrl-C, SIGTERM and SIGHUP: a command always cleans up, and is not interrupted while it does."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def clean_up_when_interrupted() -> None:
    """From now on the first of these signals raises KeyboardInterrupt, and those after it do nothing."""
    for number in ENDING:
        signal.signal(number, _interrupt)


@contextmanager
def finishing_first() -> Iterator[Callable[[], bool]]:
    """Within the block the first signal only makes the yielded function return true; the next interrupts."""
    asked = False

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        clean_up_when_interrupted()

    for number in ENDING:
        signal.signal(number, ask)
    try:
        yield lambda: asked
    finally:
        if signal.getsignal(signal.SIGINT) is ask:
            clean_up_when_interrupted()


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
