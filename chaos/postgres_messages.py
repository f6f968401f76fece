"""PostgreSQL's messages, unencrypted, as far as one must read them to see a transaction begin and end.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import socket
import struct
from typing import BinaryIO

# Instead of a protocol's version: whether TLS or GSSAPI is to be had.
ENCRYPTION_REQUESTS = (80877103, 80877104)
BEGIN, COMMIT = (b"Q", b"BEGIN\0"), (b"Q", b"COMMIT\0")
COMMITTED = (b"C", b"COMMIT\0")
READY = b"Z"


def read_startup(source: BinaryIO, client: socket.socket) -> bytes:
    """The message that begins a session; `client`, if it would rather have it encrypted, is told that it cannot."""
    while True:
        length, code = struct.unpack("!ii", read_exactly(source, 8))
        rest = read_exactly(source, length - 8)
        if code not in ENCRYPTION_REQUESTS:
            return struct.pack("!ii", length, code) + rest
        client.sendall(b"N")


def read_message(source: BinaryIO) -> tuple[bytes, bytes]:
    """Its type and its content."""
    kind, length = struct.unpack("!ci", read_exactly(source, 5))
    return kind, read_exactly(source, length - 4)


def message(kind: bytes, body: bytes) -> bytes:
    return struct.pack("!ci", kind, len(body) + 4) + body


def read_exactly(source: BinaryIO, count: int) -> bytes:
    """Raises EOFError when the other end has closed."""
    data = source.read(count)
    if len(data) < count:
        raise EOFError
    return data
