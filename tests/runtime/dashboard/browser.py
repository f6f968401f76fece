"""Requests to a running page, and a reader of its stream of events."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

SECONDS = 30


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Page:
    """A running server of the page. `login`: the file with its connection string. `log`: the server's output."""

    port: int
    process: "subprocess.Popen[bytes]"
    login: Path
    log: Path

    def request(self, path: str, *, method: str = "GET", host: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", host or f"127.0.0.1:{self.port}")
            for name, value in headers.items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def panel(self, name: str, **filters: str) -> dict[str, Any]:
        answer = self.request(f"/api/panels/{name}?{urlencode(_filters(filters))}")
        assert answer.status == 200, answer.body
        panel: dict[str, Any] = answer.json
        return panel

    @contextmanager
    def viewer(self, receive_buffer: int | None = None) -> Iterator["Viewer"]:
        with socket.socket() as connection:
            if receive_buffer:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            connection.settimeout(SECONDS)
            connection.connect(("127.0.0.1", self.port))
            connection.sendall(f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
            yield Viewer(connection)


class Viewer:
    """A viewer of the live page, who reads the stream when asked."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._events: list[tuple[str, Any]] = []

    def snapshot(
        self, condition: Callable[[dict[str, Any]], bool] = lambda _: True, seconds: float = SECONDS
    ) -> dict[str, Any]:
        """Returns the next snapshot that meets the condition, and drops the events before it."""
        return self.event("snapshot", condition, seconds)

    def event(
        self, kind: str, condition: Callable[[dict[str, Any]], bool] = lambda _: True, seconds: float = SECONDS
    ) -> dict[str, Any]:
        """Returns the next event of a kind that meets the condition, and drops the events before it."""
        deadline = time.monotonic() + seconds
        last: dict[str, Any] = {}
        while time.monotonic() < deadline:
            if not self._events:
                self._events = self.events()
            while self._events:
                name, last = self._events.pop(0)
                if name == kind and condition(last):
                    return last
        raise TimeoutError(f"no such {kind} within {seconds} s; the last event: {last}")

    def events(self) -> list[tuple[str, Any]]:
        """Reads once from the connection, and returns the events that are complete."""
        self._buffer += self._connection.recv(1 << 20)
        # Each chunk of the response is one event, between lines of its own with the chunk's size.
        *complete, self._buffer = self._buffer.split(b"\n\n")
        events = []
        for block in complete:
            lines = block.decode().splitlines()
            name = next((line[7:] for line in lines if line.startswith("event: ")), None)
            data = next((line[6:] for line in lines if line.startswith("data: ")), None)
            if name and data:
                events.append((name, json.loads(data)))
        return events


def _filters(filters: dict[str, str]) -> dict[str, str]:
    """Lets `from_` stand for the filter `from`."""
    return {name.rstrip("_"): value for name, value in filters.items()}
