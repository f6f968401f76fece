"""A proxy in front of PostgreSQL that knows the moments of a transaction, and can refuse, cut and swallow."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TypeAlias

from chaos.postgres_messages import BEGIN, COMMIT, COMMITTED, READY, message, read_message, read_startup

# in transaction: the first statement after BEGIN has been forwarded. before commit: COMMIT has come, and is never
# forwarded. at commit: it has been forwarded. commit answered: the server has committed, and its answer is never
# delivered. after commit: the answer has been delivered.
Moment: TypeAlias = Literal["in transaction", "before commit", "at commit", "commit answered", "after commit"]

HOST = "127.0.0.1"


class Trigger:
    """An action for the next transaction that comes to a moment; `happened` is set when it has been done."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.happened = threading.Event()
        self._action = action

    def fire(self) -> None:
        self._action()
        self.happened.set()


class PostgresProxy:
    """`port` is what clients are given instead of the server's."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._triggers: dict[Moment, Trigger] = {}
        self._lock = threading.Lock()
        self._connections: set[_Connection] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.accept()

    def at(self, moment: Moment, action: Callable[[], object] = lambda: None) -> threading.Event:
        """At the next such moment of any connection does `action`, while the transaction waits; once.

        The connection is cut after it where an answer or a COMMIT must not arrive. The event is set then.
        """
        trigger = Trigger(action)
        with self._lock:
            self._triggers[moment] = trigger
        return trigger.happened

    def awaits(self, moment: Moment) -> bool:
        with self._lock:
            return moment in self._triggers

    def take(self, moment: Moment) -> Trigger | None:
        with self._lock:
            return self._triggers.pop(moment, None)

    def accept(self) -> None:
        """Listens, on the port that it had before."""
        if self._listener is None:
            self._listener = socket.create_server((HOST, self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._serve, args=(self._listener,), name="postgres proxy", daemon=True).start()

    def refuse(self) -> None:
        """Cuts every connection, and refuses others until `accept`."""
        if self._listener:
            # A thread that waits in accept(2) keeps the socket, and so the port, open; shutting it down wakes it.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close()

    def heal(self) -> None:
        with self._lock:
            self._triggers.clear()
        self.accept()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), name="postgres proxy", daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection((HOST, self._server_port))
        except OSError:
            client.close()
            return
        connection = _Connection(self, client, server)
        with self._lock:
            self._connections.add(connection)
        try:
            connection.run()
        finally:
            with self._lock:
                self._connections.discard(connection)


class _Connection:
    """One client's, with one of its own to the server; either end closes both."""

    def __init__(self, proxy: PostgresProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._answered: Trigger | None = None
        self._after: Trigger | None = None
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        answers = threading.Thread(target=self._guarded, args=(self._deliver,), name="postgres proxy", daemon=True)
        answers.start()
        self._guarded(self._forward)
        answers.join()
        self._client.close()
        self._server.close()

    def close(self) -> None:
        """Wakes both threads, which end."""
        for one in (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _guarded(self, pump: Callable[[], None]) -> None:
        with suppress(OSError, EOFError):
            pump()
        self.close()

    def _forward(self) -> None:
        """What the client says."""
        source = self._client.makefile("rb")
        self._server.sendall(read_startup(source, self._client))
        begun = False
        while True:
            kind, body = read_message(source)
            if (kind, body) == COMMIT:
                if trigger := self._proxy.take("before commit"):
                    trigger.fire()
                    return
                self._answered = self._proxy.take("commit answered")
                self._after = self._proxy.take("after commit")
            self._server.sendall(message(kind, body))
            if (kind, body) == COMMIT and (trigger := self._proxy.take("at commit")):
                trigger.fire()
            if begun and (trigger := self._proxy.take("in transaction")):
                trigger.fire()
            begun = (kind, body) == BEGIN

    def _deliver(self) -> None:
        """What the server answers."""
        source = self._server.makefile("rb")
        while True:
            kind, body = read_message(source)
            if (kind, body) == COMMITTED and self._answered:
                self._answered.fire()
                return
            self._client.sendall(message(kind, body))
            if kind == READY and self._after:
                self._after.fire()
                self._after = None


@contextmanager
def running(server_port: int) -> Iterator[PostgresProxy]:
    proxy = PostgresProxy(server_port)
    try:
        yield proxy
    finally:
        proxy.refuse()
