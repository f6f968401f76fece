"""A proxy in front of PostgreSQL that recognizes the moments of a transaction and can break connections at them."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TypeAlias

from chaos.postgres_messages import BEGIN, COMMIT, COMMITTED, READY, message, read_message, read_startup

# in transaction: the first statement after BEGIN has been forwarded.
# before commit: COMMIT has been received and is never forwarded.
# at commit: COMMIT has been forwarded.
# commit answered: the server has committed, and its response is never delivered.
# after commit: the response has been delivered.
Moment: TypeAlias = Literal["in transaction", "before commit", "at commit", "commit answered", "after commit"]

HOST = "127.0.0.1"


class Trigger:
    """An action for the next transaction that reaches a moment. `happened` is set after the action."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.happened = threading.Event()
        self._action = action

    def fire(self) -> None:
        self._action()
        self.happened.set()


class PostgresProxy:
    """The proxy's control interface. Clients connect to `port` instead of the server's port."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._triggers: dict[Moment, Trigger] = {}
        self._lock = threading.Lock()
        self._connections: set[_Connection] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.accept()

    def at(self, moment: Moment, action: Callable[[], object] = lambda: None) -> threading.Event:
        """Does `action` once, when the next transaction reaches `moment`; returns an event that is set afterwards.

        The transaction waits during the action. After 'before commit' and 'commit answered' its connection is cut.
        """
        trigger = Trigger(action)
        with self._lock:
            self._triggers[moment] = trigger
        return trigger.happened

    def awaits(self, moment: Moment) -> bool:
        """Returns whether an action is registered for `moment` and has not begun."""
        with self._lock:
            return moment in self._triggers

    def take(self, moment: Moment) -> Trigger | None:
        """Removes and returns the trigger of `moment`, if there is one."""
        with self._lock:
            return self._triggers.pop(moment, None)

    def accept(self) -> None:
        """Listens for connections; after `refuse`, on the same port as before."""
        if self._listener is None:
            self._listener = socket.create_server((HOST, self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._serve, args=(self._listener,), name="postgres proxy", daemon=True).start()

    def refuse(self) -> None:
        """Cuts every connection and refuses new ones until `accept`."""
        if self._listener:
            # A thread that waits in accept(2) keeps the socket and its port open. Shutting the socket down wakes it.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """Closes every connection."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            connection.close()

    def heal(self) -> None:
        """Removes all triggers and accepts connections again."""
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
    """A client's connection and its own connection to the server. When either is closed, both are."""

    def __init__(self, proxy: PostgresProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._on_committed: Trigger | None = None
        self._on_delivered: Trigger | None = None
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        delivery = threading.Thread(target=self._guarded, args=(self._deliver,), name="postgres proxy", daemon=True)
        delivery.start()
        self._guarded(self._forward)
        delivery.join()
        self._client.close()
        self._server.close()

    def close(self) -> None:
        """Shuts both sockets down, which ends the two threads."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _guarded(self, pump: Callable[[], None]) -> None:
        with suppress(OSError, EOFError):
            pump()
        self.close()

    def _forward(self) -> None:
        """Forwards the client's messages to the server."""
        source = self._client.makefile("rb")
        self._server.sendall(read_startup(source, self._client))
        after_begin = False
        while True:
            kind, body = read_message(source)
            if (kind, body) == COMMIT:
                if trigger := self._proxy.take("before commit"):
                    trigger.fire()
                    return
                self._on_committed = self._proxy.take("commit answered")
                self._on_delivered = self._proxy.take("after commit")
            self._server.sendall(message(kind, body))
            if (kind, body) == COMMIT and (trigger := self._proxy.take("at commit")):
                trigger.fire()
            if after_begin and (trigger := self._proxy.take("in transaction")):
                trigger.fire()
            after_begin = (kind, body) == BEGIN

    def _deliver(self) -> None:
        """Delivers the server's messages to the client."""
        source = self._server.makefile("rb")
        while True:
            kind, body = read_message(source)
            if (kind, body) == COMMITTED and self._on_committed:
                self._on_committed.fire()
                return
            self._client.sendall(message(kind, body))
            if kind == READY and self._on_delivered:
                self._on_delivered.fire()
                self._on_delivered = None


@contextmanager
def running(server_port: int) -> Iterator[PostgresProxy]:
    """Starts a proxy for the server on `server_port`; closes it and all its connections after the block."""
    proxy = PostgresProxy(server_port)
    try:
        yield proxy
    finally:
        proxy.refuse()
