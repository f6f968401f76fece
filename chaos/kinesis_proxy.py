"""A proxy in front of Kinesis' API that injects a limited number of faults."""

import json
import socket
import struct
import threading
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeAlias, get_args

Error: TypeAlias = Literal["throttled", "limited", "failing", "unavailable", "expired"]
# The kinds that are not errors of the API:
# partial: every second entry is refused and not forwarded.
# reset: the connection is reset, and the request is not forwarded.
# unanswered: the request is forwarded, and the connection is closed without a response.
# late: the request is forwarded, and no response is sent until the client times out.
Kind: TypeAlias = Error | Literal["partial", "reset", "unanswered", "late"]

# https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html, and the errors of each operation there.
ERRORS: dict[str, tuple[int, str]] = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "limited": (400, "LimitExceededException"),
    "failing": (500, "InternalFailure"),
    "unavailable": (503, "ServiceUnavailable"),
    "expired": (400, "ExpiredIteratorException"),
}
REFUSALS = ("ProvisionedThroughputExceededException", "InternalFailure")
CONTENT_TYPE = "application/x-amz-json-1.1"
FORWARDED = ("content-type", "x-amz-target", "authorization", "x-amz-date")
TIMEOUT_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class KinesisFault:
    """A fault of every `every`-th call of `operation`, until it has occurred `times` times.

    `expired` does not affect the first use of an iterator from GetShardIterator, which is valid for five minutes.
    """

    operation: str
    kind: Kind
    times: int
    every: int = 1


class _Pending:
    """An injected fault with the number of matching calls and the occurrences that are left."""

    def __init__(self, fault: KinesisFault) -> None:
        self.fault = fault
        self.calls = 0
        self.left = fault.times

    def is_due(self, operation: str, *, fresh_iterator: bool) -> bool:
        if operation != self.fault.operation or (fresh_iterator and self.fault.kind == "expired"):
            return False
        self.calls += 1
        return self.left > 0 and self.calls % self.fault.every == 0


class KinesisProxy:
    """The proxy's control interface. Clients use `url` as the endpoint of Kinesis."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self._pending: list[_Pending] = []
        self._fresh: set[str] = set()
        self._lock = threading.Lock()

    def inject(self, *faults: KinesisFault) -> None:
        """Injects `faults` from the next call on, instead of earlier faults."""
        with self._lock:
            self._pending = [_Pending(fault) for fault in faults]

    @property
    def spent(self) -> bool:
        """Whether no injected fault has occurrences left."""
        with self._lock:
            return not any(pending.left for pending in self._pending)

    def fault_for(self, operation: str, body: dict[str, Any]) -> Kind | None:
        """Returns the fault of this call, or None, and counts the call."""
        iterator = body.get("ShardIterator", "")
        with self._lock:
            fresh = iterator in self._fresh
            self._fresh.discard(iterator)
            due = [pending for pending in self._pending if pending.is_due(operation, fresh_iterator=fresh)]
            if not due:
                return None
            due[0].left -= 1
            return due[0].fault.kind

    def remember_iterator(self, response: dict[str, Any]) -> None:
        """Records the iterator in a response of GetShardIterator as fresh."""
        with self._lock:
            self._fresh.add(response["ShardIterator"])


@contextmanager
def running(endpoint: str) -> Iterator[KinesisProxy]:
    """Starts a proxy that forwards to `endpoint` only, and stops it after the block."""
    target = urllib.parse.urlsplit(endpoint).netloc

    class Handler(_Handler):
        def setup(self) -> None:
            super().setup()
            self.proxy, self.upstream = proxy, HTTPConnection(target, timeout=TIMEOUT_SECONDS)

    server = _Server(("127.0.0.1", 0), Handler)
    proxy = KinesisProxy(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="kinesis proxy", daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Clients keep their connections open until they exit, so shutdown must not wait for the handler threads.
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores the error: clients are killed on purpose."""


class _Handler(BaseHTTPRequestHandler):
    """A client's connection, with its own connection to Kinesis."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: KinesisProxy
    upstream: HTTPConnection

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        body: dict[str, Any] = json.loads(data)
        kind = self.proxy.fault_for(operation, body)
        if kind in get_args(Error):
            status, code = ERRORS[kind or ""]
            self._respond(status, {"__type": code, "message": "injected"})
        elif kind == "reset":
            self._reset()
        elif kind == "partial":
            self._put_partly(body)
        else:
            status, response = self._forward(data)
            if kind is None:
                if operation == "GetShardIterator" and status == 200:
                    self.proxy.remember_iterator(json.loads(response))
                self._respond(status, response)
            elif kind == "late":
                self._wait_until_client_closes()
            self.close_connection = self.close_connection or kind is not None

    def _forward(self, data: bytes) -> tuple[int, bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() in FORWARDED}
        self.upstream.request("POST", "/", data, headers)
        response: HTTPResponse = self.upstream.getresponse()
        return response.status, response.read()

    def _put_partly(self, body: dict[str, Any]) -> None:
        """Refuses the entries with an even index and forwards the others."""
        entries: Sequence[Any] = body["Records"]
        request = json.dumps(body | {"Records": entries[1::2]}).encode()
        accepted = iter(json.loads(self._forward(request)[1])["Records"]) if entries[1::2] else iter(())
        responses = [
            {"ErrorCode": REFUSALS[index // 2 % 2], "ErrorMessage": "injected"} if index % 2 == 0 else next(accepted)
            for index in range(len(entries))
        ]
        refused = sum("ErrorCode" in response for response in responses)
        self._respond(200, {"FailedRecordCount": refused, "Records": responses})

    def _respond(self, status: int, response: dict[str, Any] | bytes) -> None:
        body = response if isinstance(response, bytes) else json.dumps(response).encode()
        self.send_response(status)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _reset(self) -> None:
        """Closes the connection with a reset: https://man7.org/linux/man-pages/man7/socket.7.html, SO_LINGER."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def _wait_until_client_closes(self) -> None:
        self.connection.settimeout(TIMEOUT_SECONDS)
        with suppress(OSError):
            self.connection.recv(1)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.upstream.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the method that it replaces
        """Suppresses the log line of a request."""
