"""The stream of server-sent events of the live page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from runtime.dashboard.live.poller import Live, event
from runtime.dashboard.live.snapshot import text_of

HEARTBEAT_SECONDS = 10
# Milliseconds until a browser connects again.
RETRY = b"retry: 1000\n\n"


class EventStream(StreamingResponse):
    """A viewer's stream. It counts as a viewer from the first to the last byte, however it ends."""

    def __init__(self, live: Live) -> None:
        super().__init__(_events(live), media_type="text/event-stream")
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._live.join()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._live.leave()


def stream(request: Request, live: Live) -> Response:
    return Response(media_type="text/event-stream") if request.method == "HEAD" else EventStream(live)


async def _events(live: Live) -> AsyncIterator[bytes]:
    """Yields the newest snapshot whenever the viewer has taken the one before, however many there were since."""
    yield RETRY
    # A viewer who joins others gets the current snapshot at once.
    version, status_version = 0, live.status_version
    while not live.is_stopping:
        if await live.newer_than(version, HEARTBEAT_SECONDS):
            version = live.version
            if status_version not in (0, live.status_version):
                yield live.status_frame
            status_version = live.status_version
            yield live.frame
        else:
            # A comment would not reach the page's script, which notices a silent connection.
            yield event("heartbeat", {"at": text_of(datetime.now(UTC))})
