"""Publishing without a deployment: this process calls the generator's handler every two seconds."""

import secrets
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Self

from local.errors import RunError
from runtime.data_generator.handler import handler
from runtime.data_generator.publishing import PublishError

PERIOD_SECONDS = 2
# The generator takes a number of clicks. On average it publishes this many events for each click.
EVENTS_PER_CLICK = 1.11
# After a slow invocation each following one catches up with at most this many times its regular events.
MAX_CATCH_UP = 2
MAX_ATTEMPTS = 3


class Publisher:
    """Publishes in a background thread within its `with` block, whose end waits for the last invocation."""

    def __init__(self, rate: float) -> None:
        self.clicks = 0
        self.checkouts = 0
        self._run_id = secrets.token_hex(4)
        self._rate = rate
        self._began = time.monotonic()
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._history: deque[tuple[float, int]] = deque([(self._began, 0)], maxlen=6)
        self._thread = threading.Thread(target=self._publish, name="publisher", daemon=True)

    @property
    def published(self) -> int:
        return self.clicks + self.checkouts

    @property
    def rate(self) -> float:
        """Events per second over the last five invocations."""
        (start, count_at_start), (end, count_at_end) = self._history[0], self._history[-1]
        return (count_at_end - count_at_start) / (end - start) if end > start else 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopping.set()
        if kind is None:
            self._thread.join()
            self.check()

    def check(self) -> None:
        """Checks the background thread.

        Raises:
            RunError: the generator has failed.
        """
        if self._failure:
            raise RunError(f"the generator failed: {self._failure}") from self._failure

    def _publish(self) -> None:
        invocation = 0
        next_invocation = self._began
        while not self._stopping.wait(max(0.0, next_invocation - time.monotonic())):
            try:
                self._invoke(invocation)
            except Exception as error:  # noqa: BLE001 - `check` raises it in the main thread
                self._failure = error
                return
            invocation += 1
            next_invocation = max(next_invocation + PERIOD_SECONDS, time.monotonic())

    def event(self, invocation: int) -> dict[str, object]:
        """Returns the event that triggers the generator, with the number of clicks that the rate requires."""
        due_events = self._rate * (time.monotonic() - self._began + PERIOD_SECONDS)
        max_events = MAX_CATCH_UP * self._rate * PERIOD_SECONDS
        clicks = max(0, round(min(due_events - self.published, max_events) / EVENTS_PER_CLICK))
        return {
            "id": f"{self._run_id}-{invocation}",
            "time": datetime.now(UTC).isoformat(),
            "clicks": clicks,
            "period_seconds": PERIOD_SECONDS,
        }

    def _invoke(self, invocation: int) -> None:
        counts = _invoke_with_retries(self.event(invocation))
        self.clicks += int(counts["clicks"])
        self.checkouts += int(counts["checkouts"])
        self._history.append((time.monotonic(), self.published))


def _invoke_with_retries(event: dict[str, object]) -> dict[str, str | int]:
    """Retries a failed invocation with the same event, as Lambda does. The event determines the records."""
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return handler(event)
        except PublishError:
            pass
    return handler(event)
