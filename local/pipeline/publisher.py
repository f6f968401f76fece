"""Invokes the generator's handler every two seconds, where none is deployed."""

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
# The generator is asked for clicks; about so many events come of each.
EVENTS_A_CLICK = 1.11
# After a slow invocation the next ones catch up, but not in one burst.
MOST_CATCH_UP = 2
MOST_ATTEMPTS = 3


class Publisher:
    """Publishes in the background within its `with` block, which waits for the last invocation to end."""

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
        (began, before), (ended, after) = self._history[0], self._history[-1]
        return (after - before) / (ended - began) if ended > began else 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopping.set()
        if kind is None:
            self._thread.join()
            self.check()

    def check(self) -> None:
        """Raises RunError when the generator has failed."""
        if self._failure:
            raise RunError(f"the generator failed: {self._failure}") from self._failure

    def _publish(self) -> None:
        invocation = 0
        due = self._began
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            try:
                self._invoke(invocation)
            except Exception as error:  # noqa: BLE001 - the main thread raises it
                self._failure = error
                return
            invocation += 1
            due = max(due + PERIOD_SECONDS, time.monotonic())

    def event(self, invocation: int) -> dict[str, object]:
        """What the generator is invoked with: as many clicks as are due by the rate."""
        due = self._rate * (time.monotonic() - self._began + PERIOD_SECONDS)
        most = MOST_CATCH_UP * self._rate * PERIOD_SECONDS
        clicks = max(0, round(min(due - self.published, most) / EVENTS_A_CLICK))
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
    """As Lambda does after a failure, with the same event: the same records, the same ids."""
    for _ in range(MOST_ATTEMPTS - 1):
        try:
            return handler(event)
        except PublishError:
            pass
    return handler(event)
