"""To wait for what happens, and not for a time in which it should: on a busy machine that is never long enough."""

import time
from collections.abc import Callable


def wait_until(is_true: Callable[[], object], what: str = "it", seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        time.sleep(0.05)
