"""Readers of PostgreSQL's unencrypted messages, detailed enough to see a transaction begin and end.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import socket
import struct
from typing import BinaryIO

# Codes in the place of the protocol version, with which a client requests TLS or GSSAPI encryption.
ENCRYPTION_REQUESTS = (80877103, 80877104)
BEGIN, COMMIT = (b"Q", b"BEGIN\0"), (b"Q", b"COMMIT\0")
COMMITTED = (b"C", b"COMMIT\0")
READY = b"Z"


def read_startup(source: BinaryIO, client: socket.socket) -> bytes:
    """Returns a client's startup message, after refusing its requests for encryption on the socket `client`."""
    while True:
        length, code = struct.unpack("!ii", read_exactly(source, 8))
        body = read_exactly(source, length - 8)
        if code not in ENCRYPTION_REQUESTS:
            return struct.pack("!ii", length, code) + body
        client.sendall(b"N")


def read_message(source: BinaryIO) -> tuple[bytes, bytes]:
    """Reads one message; returns its type and its body."""
    kind, length = struct.unpack("!ci", read_exactly(source, 5))
    return kind, read_exactly(source, length - 4)


def message(kind: bytes, body: bytes) -> bytes:
    return struct.pack("!ci", kind, len(body) + 4) + body


def read_exactly(source: BinaryIO, count: int) -> bytes:
    """Reads `count` bytes.

    Raises:
        EOFError: the connection has been closed.
    """
    data = source.read(count)
    if len(data) < count:
        raise EOFError
    return data
