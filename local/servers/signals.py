"""Signal handlers for Ctrl-C, SIGTERM and SIGHUP, with which a command always completes its clean-up."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

TERMINATION_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def clean_up_when_interrupted() -> None:
    """Makes the first termination signal raise KeyboardInterrupt. Later termination signals are ignored."""
    for number in TERMINATION_SIGNALS:
        signal.signal(number, _interrupt)


@contextmanager
def graceful_stop() -> Iterator[Callable[[], bool]]:
    """Yields a function that returns whether a termination signal has come. The second one raises KeyboardInterrupt."""
    requested = False

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal requested
        requested = True
        clean_up_when_interrupted()

    for number in TERMINATION_SIGNALS:
        signal.signal(number, request_stop)
    try:
        yield lambda: requested
    finally:
        if signal.getsignal(signal.SIGINT) is request_stop:
            clean_up_when_interrupted()


@contextmanager
def deferred() -> Iterator[None]:
    """Defers termination signals to the end of the block.

    A block that starts a process can thus also record it, for the clean-up. In addition, no handler runs inside the
    hooks of a fork: CPython (`run_at_forkers`) only prints an exception raised there, and the interrupt would be lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python runs signal handlers in the main thread only.
        return
    deferred_signals: list[int] = []

    def defer(number: int, _frame: FrameType | None) -> None:
        deferred_signals.append(number)

    previous_handlers = {number: signal.signal(number, defer) for number in TERMINATION_SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
        if deferred_signals:
            signal.raise_signal(deferred_signals[0])


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in TERMINATION_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
