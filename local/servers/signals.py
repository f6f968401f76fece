"""Ctrl-C, SIGTERM and SIGHUP: a command always cleans up, and is not interrupted while it does."""

import signal
import threading
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


@contextmanager
def held() -> Iterator[None]:
    """Within the block such a signal waits for the block's end: what is started there is also noted down as started.

    And an exception of a handler that happens to run in the hooks of a fork would only be printed (`run_at_forkers` of
    CPython): the interrupt would be lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs handlers in the main thread.
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
