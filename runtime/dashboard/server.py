"""Serves the page on 127.0.0.1 until a termination signal."""

import socket
from collections.abc import Callable

import uvicorn

from runtime.dashboard import app
from runtime.dashboard.database import Login

HOST = "127.0.0.1"
DEFAULT_PORT = 8765
SEND_BUFFER = 32 * 1024


def listen(port: int | None) -> socket.socket:
    """Returns a listening socket on `port`, or on DEFAULT_PORT, or on any free port if that one is in use.

    Raises:
        OSError: `port` was given, and is in use.
    """
    try:
        return _listen(DEFAULT_PORT if port is None else port)
    except OSError:
        if port is not None:
            raise
        return _listen(0)


def address(listener: socket.socket) -> str:
    """Returns the URL of the page."""
    return f"http://{HOST}:{listener.getsockname()[1]}/"


def serve(listener: socket.socket, login: Login) -> None:
    """Serves the page until SIGINT or SIGTERM. `login` is called for each new connection to the database."""
    guarded, live = app.create(login, listener.getsockname()[1])
    config = uvicorn.Config(
        guarded,
        log_level="warning",
        access_log=False,
        server_header=False,
        loop="asyncio",
        ws="none",
        # The streams of the viewers have no end of their own.
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, live.stop)
    server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that ends the viewers' streams when it stops."""

    def __init__(self, config: uvicorn.Config, stop_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop_streams = stop_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop_streams()
        await super().shutdown(sockets)


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Sent and unread snapshots become old, so few fit into the buffer of a slow viewer's connection.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind((HOST, port))
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener
