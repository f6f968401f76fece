"""One poller for all viewers of the live page."""

import asyncio
import json
import logging
import time
from datetime import UTC, datetime
from typing import Any

import psycopg

from runtime.dashboard.database import Database, LostError, NotReadyError, TooSlowError
from runtime.dashboard.live.reading import Reader
from runtime.dashboard.live.snapshot import snapshot, table, text_of

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
# Without a newer commit only the lag and the rate change.
IDLE_SECONDS = 5
# A look that takes longer is followed by a longer pause, so the page takes at most a fifth of a connection's time.
PAUSE_FACTOR = 4


class Live:
    """The newest snapshot, and the task that replaces it while somebody looks.

    `version`: number of the snapshot. `frame`, `status_frame`: events of the stream, as they are sent.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader()
        self._viewers = 0
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._status: dict[str, Any] = {}
        self._sent_at = 0.0
        self.is_stopping = False
        self.version = 0
        self.status_version = 0
        self.frame = b""
        self.status_frame = b""

    def join(self) -> None:
        """Counts a viewer. The first one starts the poller."""
        self._viewers += 1
        if self._task is None or self._task.done():
            if time.monotonic() > self._sent_at + IDLE_SECONDS:
                # The last snapshot is of a time when somebody looked.
                self.version, self._sent_at = 0, 0.0
            self._task = asyncio.create_task(self._poll())

    def leave(self) -> None:
        """Counts a viewer less. Without viewers the poller ends after its current look."""
        self._viewers -= 1

    async def newer_than(self, version: int, seconds: float) -> bool:
        """Waits until there is a newer snapshot; returns False after `seconds`."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.version > version or self.is_stopping)
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Ends the streams of all viewers, at the latest with their next heartbeat."""
        self.is_stopping = True
        self._wake = asyncio.create_task(self._wake_viewers())

    def table(self, name: str) -> tuple[list[dict[str, str]], list[list[Any]]]:
        """Returns columns and rows of a table of the page, as of the newest look."""
        return table(self._reader, name)

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _wake_viewers(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _poll(self) -> None:
        while self._viewers > 0 and not self.is_stopping:
            began = time.monotonic()
            await self._look()
            await asyncio.sleep(max(POLL_SECONDS, PAUSE_FACTOR * (time.monotonic() - began)))

    async def _look(self) -> None:
        is_newer = False
        try:
            is_newer = await self._database.read(self._reader.read)
        except NotReadyError as error:
            status: dict[str, Any] = {"status": "waiting", "since": None, "reason": str(error)}
        except LostError as error:
            status = {"status": "lost", "since": text_of(error.since), "reason": str(error)}
        except TooSlowError as error:
            status = {**self._status, "reason": str(error)} if self._status else {"status": "waiting", "since": None}
        except psycopg.Error as error:
            # A refused login or a missing right: the page says so, and tries again.
            since = self._status.get("since") or text_of(datetime.now(UTC))
            status = {"status": "lost", "since": since, "reason": str(error).strip()}
            log.warning("the live page cannot read: %s", error)
        else:
            waits = not self._reader.window.batches
            reason = "the pipeline has committed no batch yet" if waits else None
            status = {"status": "waiting" if waits else "live", "since": None, "reason": reason}
        is_due = time.monotonic() >= self._sent_at + IDLE_SECONDS
        if is_newer or is_due or status != self._status:
            await self._publish(status)

    async def _publish(self, status: dict[str, Any]) -> None:
        frame = event("snapshot", {**status, **snapshot(self._reader)})
        async with self._changed:
            if status["status"] != self._status.get("status"):
                self.status_version += 1
                self.status_frame = event("status", status)
            self._status = status
            self.frame = frame
            self.version += 1
            self._sent_at = time.monotonic()
            self._changed.notify_all()


def event(name: str, value: object) -> bytes:
    """Returns a server-sent event. JSON escapes line ends, so the event has one line of data."""
    return f"event: {name}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
