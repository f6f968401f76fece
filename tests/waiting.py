"""Waits for a condition instead of a fixed time, which would be too short on a busy machine."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], description: str = "the condition", seconds: float = 60) -> None:
    """Polls `condition` until it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {description}"
        time.sleep(0.05)
