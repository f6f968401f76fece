"""Decompresses gzip streams, within a budget for the whole record."""

import re
import zlib

from runtime.attribution_job.events.framing.parts import FramingError

MAGIC = b"\x1f\x8b"
MAX_UNPACKED_BYTES = 16 * 1024 * 1024
TOO_LARGE = "more than 16 MiB unpacked"
ENDS_EARLY = "gzip that ends too early"
DAMAGED = "gzip: damaged"
# Bounds the time: an empty member takes 20 bytes and about 10 µs.
MAX_MEMBERS = 10_000
TOO_MANY_MEMBERS = "gzip: more than 10,000 members"
# Delivery agents put line breaks between members and after them, and block devices zeros.
PADDING = re.compile(rb"[ \t\r\n\0]*+")
GZIP_WINDOW = 31
# zlib copies the input behind a member. Small first chunks keep this copy small for streams of many members.
FIRST_CHUNK_BYTES = 1024
MAX_CHUNK_BYTES = 256 * 1024


class Budget:
    """The number of bytes that the gzip streams of one record may still unpack to."""

    def __init__(self) -> None:
        self.left = MAX_UNPACKED_BYTES

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            self.left = 0
            raise FramingError(TOO_LARGE)


def gunzip(data: bytes, budget: Budget) -> tuple[bytes, bytes]:
    """Decompresses all members of a gzip stream.

    Returns:
        The decompressed bytes, and the bytes after the last member and its padding.

    Raises:
        FramingError: the stream is cut or damaged, or unpacks to more than the budget.
    """
    chunks: list[bytes] = []
    position = 0
    for _ in range(MAX_MEMBERS):
        position = _read_member(data, position, chunks, budget)
        if padding := PADDING.match(data, position):
            position = padding.end()
        if not data.startswith(MAGIC, position):
            return b"".join(chunks), data[position:]
    raise FramingError(TOO_MANY_MEMBERS)


def _read_member(data: bytes, position: int, chunks: list[bytes], budget: Budget) -> int:
    """Appends one member's content to `chunks`; returns the position after the member."""
    decompressor = zlib.decompressobj(wbits=GZIP_WINDOW)
    size = FIRST_CHUNK_BYTES
    while not decompressor.eof:
        compressed = data[position : position + size]
        if not compressed:
            raise FramingError(ENDS_EARLY)
        try:
            content = decompressor.decompress(compressed, budget.left + 1)
        except zlib.error:
            raise FramingError(DAMAGED) from None
        budget.spend(len(content))
        chunks.append(content)
        position += len(compressed)
        size = min(2 * size, MAX_CHUNK_BYTES)
    return position - len(decompressor.unused_data)
